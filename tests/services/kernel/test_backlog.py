"""Age and depth of what waits at a subscription, as the timer measures them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.servicebus.config import Config, SubscriptionProperties
from local.servicebus.config import Subscription as BusSubscription
from local.servicebus.config import Topic as BusTopic
from local.servicebus.server import ServiceBusEmulator
from services.inference.topology import AI_PROCESSOR
from services.kernel import connections, telemetry
from services.kernel.backlog import measure
from services.kernel.topology import Subscription, Topic
from tests.services.events import message, order
from tests.services.world import World


async def test_nothing_waits_where_nothing_was_sent(world: World) -> None:
    assert await measure(connections.service_bus(), AI_PROCESSOR) == (0.0, 0)


async def test_what_waits_is_counted_from_the_oldest_and_what_is_scheduled_is_not(world: World) -> None:
    # given
    later = datetime.now(UTC) + timedelta(hours=1)
    await world.send(message(order()), message(order()), message(order(), scheduled_enqueue_time_utc=later))
    await asyncio.sleep(0.2)
    await world.send(message(order()))

    # when
    age, depth = await measure(connections.service_bus(), AI_PROCESSOR)

    # then
    assert depth == 3
    assert 0.2 <= age < 5


async def test_where_messages_come_in_sessions_those_that_have_some_are_counted_and_none_is_locked() -> None:
    # given
    topic = Topic("steps", sessions=True)
    worker = Subscription(topic, "worker", ())
    properties = SubscriptionProperties(requires_session=True)
    namespace = Config.of(
        topics=(BusTopic(name="steps", subscriptions=(BusSubscription(name="worker", properties=properties),)),)
    )
    async with (
        ServiceBusEmulator(namespace) as bus,
        ServiceBusClient.from_connection_string(bus.connection_string()) as client,
        client.get_topic_sender("steps") as sender,
    ):
        assert await measure(client, worker) == (None, 0)
        for session in ("s-1", "s-1", "s-2"):
            await sender.send_messages(ServiceBusMessage("{}", session_id=session))

        # when
        measured = await measure(client, worker)

        # then
        assert measured == (None, 2)
        async with client.get_subscription_receiver("steps", "worker", session_id="s-1") as receiver:
            assert len(await receiver.peek_messages(10)) == 2


async def test_a_process_measures_every_subscription_that_it_listens_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    measured: list[Any] = []
    monkeypatch.setattr(telemetry, "backlog", lambda *figures: measured.append(figures))
    await world.send(message(order()))

    # when
    await world.process().measure_backlog()

    # then
    ((subscription, age, depth),) = measured
    assert (subscription, depth) == (AI_PROCESSOR, 1)
    assert age >= 0

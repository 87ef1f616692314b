"""Age and depth of what waits at a subscription, as the timer measures them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.inference.topology import AI_PROCESSOR
from services.kernel import connections, telemetry
from services.kernel.backlog import measure
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

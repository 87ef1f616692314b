"""What waits for a topic goes together; one message that cannot go holds up nobody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusError

from local.servicebus.config import Config
from local.servicebus.server import ServiceBusEmulator
from services.entities import DEAD_LETTERS, INSIGHTS
from services.kernel import connections
from services.kernel.publisher import Publisher
from tests.services.world import World


@pytest.fixture
async def publisher(world: World) -> AsyncIterator[Publisher]:
    made = Publisher(connections.service_bus())
    yield made
    await made.close()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each request carried."""
    sizes: list[int] = []
    send = ServiceBusSender.send_messages

    async def counted(self: ServiceBusSender, batch: Any, **named: Any) -> None:
        sizes.append(len(batch))
        await send(self, batch, **named)

    monkeypatch.setattr(ServiceBusSender, "send_messages", counted)
    return sizes


def numbered(count: int, size: int = 10) -> list[ServiceBusMessage]:
    return [ServiceBusMessage("x" * size, message_id=f"m-{number}") for number in range(count)]


async def arrived(world: World) -> Counter[str]:
    return Counter(str(message.message_id) for message in await world.peek(DEAD_LETTERS.name))


async def test_what_many_send_at_once_goes_in_few_batches(
    world: World, publisher: Publisher, batches: list[int]
) -> None:
    # when
    await asyncio.gather(*(publisher.send(DEAD_LETTERS.name, [one]) for one in numbered(200)))

    # then
    assert await arrived(world) == Counter(f"m-{number}" for number in range(200))
    assert sum(batches) == 200
    assert len(batches) <= 3


async def test_what_does_not_fit_one_batch_goes_in_several(
    world: World, publisher: Publisher, batches: list[int]
) -> None:
    # when
    await publisher.send(DEAD_LETTERS.name, numbered(7, size=100_000))

    # then
    assert await arrived(world) == Counter(f"m-{number}" for number in range(7))
    assert batches == [2, 2, 2, 1]


async def test_a_message_that_is_too_large_hurts_nobody_else(world: World, publisher: Publisher) -> None:
    # given
    small, large = numbered(9), ServiceBusMessage("x" * 300_000)
    parcels = [[small[0]], small[1:3], [small[3], large], [large], [small[4]], small[5:]]

    # when
    results = await asyncio.gather(
        *(publisher.send(DEAD_LETTERS.name, parcel) for parcel in parcels), return_exceptions=True
    )

    # then: each of the others arrives once, though nothing here would detect a second
    assert [type(result) for result in results] == [
        type(None),
        type(None),
        MessageSizeExceededError,
        MessageSizeExceededError,
        type(None),
        type(None),
    ]
    sent = await arrived(world)
    assert set(sent.values()) == {1}
    assert sent.keys() >= {f"m-{number}" for number in (0, 1, 2, 4, 5, 6, 7, 8)}


async def test_a_sender_that_is_cancelled_leaves_the_line_in_order(world: World, publisher: Publisher) -> None:
    # given
    first, second, third = numbered(3)
    going = asyncio.create_task(publisher.send(DEAD_LETTERS.name, [first]))
    waiting = [asyncio.create_task(publisher.send(DEAD_LETTERS.name, [one])) for one in (second, third)]
    await asyncio.sleep(0)

    # when
    waiting[0].cancel()
    await asyncio.gather(going, *waiting, return_exceptions=True)

    # then
    assert waiting[0].cancelled()
    assert (await arrived(world)).keys() >= {"m-0", "m-2"}
    await publisher.send(DEAD_LETTERS.name, [ServiceBusMessage("later", message_id="later")])
    assert (await arrived(world))["later"] == 1


async def test_a_broker_that_was_away_gets_what_is_sent_after_its_return(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    config = world.plan.bus
    async with ServiceBusEmulator(config) as away:
        port = away.port
        publisher = Publisher(ServiceBusClient.from_connection_string(away.connection_string(), retry_total=0))
        await publisher.send(DEAD_LETTERS.name, numbered(1))

    # when
    with pytest.raises(ServiceBusError):
        await publisher.send(DEAD_LETTERS.name, numbered(2))
    async with back(config, port) as returned:
        await eventually(lambda: publisher.send(DEAD_LETTERS.name, numbered(3)))
        client = ServiceBusClient.from_connection_string(returned.connection_string())
        async with client, client.get_queue_receiver(DEAD_LETTERS.name) as receiver:
            found = await receiver.peek_messages(10, sequence_number=1)
        await publisher.close()

    # then
    assert {str(message.message_id) for message in found} == {"m-0", "m-1", "m-2"}


def back(config: Config, port: int) -> ServiceBusEmulator:
    return ServiceBusEmulator(config, port=port)


async def eventually(send: Callable[[], Any]) -> None:
    """The client finds out by its first try that its old connection is gone."""
    try:
        await send()
    except ServiceBusError:
        await send()


async def test_an_entity_that_does_not_exist_holds_up_no_other(world: World, publisher: Publisher) -> None:
    # when
    wrong, right = await asyncio.gather(
        publisher.send("no-such-topic", numbered(1)), publisher.send(INSIGHTS.name, numbered(1)), return_exceptions=True
    )

    # then
    assert isinstance(wrong, ServiceBusError)
    assert right is None
    assert len(await world.peek(INSIGHTS.name, "watcher")) == 1

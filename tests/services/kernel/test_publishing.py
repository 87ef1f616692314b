"""What is committed is published: at once, or by the sweep, within the limits of both stores."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from services.entities import ITEMS
from services.kernel.effects import Effects, Put
from services.kernel.event import Event
from services.kernel.message import Outgoing
from services.kernel.ports import Ports
from services.kernel.service import Service
from tests.services.events import message, order
from tests.services.kernel.test_crashes import COMMIT, dying_after
from tests.services.kernel.test_retrying import closed_port
from tests.services.probe import LISTENS, PROBE, Probed, announcing, probed, reacting
from tests.services.world import World


class Insight(BaseModel):
    number: int = 0
    text: str = ""


def insights(count: int, size: int) -> list[Insight]:
    return [Insight(number=number, text="x" * size) for number in range(count)]


async def run(world: World, process: Service) -> None:
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(process, to=LISTENS)


async def test_what_cannot_be_published_now_is_published_by_the_sweep(world: World) -> None:
    # given: Service Bus cannot be reached from this process
    right = world.setting("ServiceBus")
    world.set(ServiceBus=right.replace(f":{world.bus.port}", f":{closed_port()}"), Outbox__olderThanSeconds=0.001)
    await world.send(message(order()))
    await world.deliver(world.process())
    assert len(await world.records()) == len(await world.outbox()) == 1
    assert not await world.insights()

    # when
    world.set(ServiceBus=right)
    await world.process().sweep_outbox()

    # then
    assert len(await world.insights()) == 1
    assert not await world.outbox()


async def test_the_sweep_leaves_alone_what_somebody_may_still_be_publishing(world: World) -> None:
    # given
    world.set(Outbox__olderThanSeconds=30)
    await world.send(message(order()))
    with dying_after(COMMIT):
        await world.deliver(world.process())

    # when
    await world.process().sweep_outbox()

    # then
    assert len(await world.outbox()) == 1
    assert not await world.insights()


async def test_two_sweeps_at_once_publish_once_for_whoever_listens(world: World) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.001)
    for number in range(5):
        await world.send(message(order(order_id=f"O-{number}")))
        with dying_after(COMMIT):
            await world.deliver(world.process())
        await world.deliver(world.process())
    assert len(await world.outbox()) == 5

    # when
    await asyncio.gather(world.process().sweep_outbox(), world.process().sweep_outbox())

    # then
    assert sorted(insight["data"]["order_id"] for insight in await world.insights()) == [f"O-{n}" for n in range(5)]
    assert not await world.outbox()


async def test_a_record_that_cannot_be_published_holds_up_no_other(world: World) -> None:
    # given: one that no broker will take, and a good one
    world.set(Outbox__olderThanSeconds=0.001)
    hopeless = Outgoing(topic="no-such-topic", message_id="m-1", subject="lost", body="{}")
    waiting = {"kind": "outbox", "at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "entity_id": "A"}
    await world.put(ITEMS.name, waiting | {"id": "outbox~1", "messages": [hopeless.model_dump(mode="json")]})
    await world.send(message(order()))
    with dying_after(COMMIT):
        await world.deliver(world.process())

    # when
    await world.process().sweep_outbox()

    # then
    assert len(await world.insights()) == 1
    assert [record["id"] for record in await world.outbox()] == ["outbox~1"]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp to the SDK of Cosmos DB
async def test_more_than_a_megabyte_of_events_is_committed_in_several_records_and_published_whole(world: World) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.001)
    announced = insights(8, 190_000)
    process = world.process(PROBE, reacting(announcing(*announced)))

    # when
    with dying_after(COMMIT):
        await run(world, process)
    records = await world.outbox()
    await process.sweep_outbox()

    # then
    assert len(records) == 2
    assert all(len(json.dumps(record)) < 1.1 * 1024 * 1024 for record in records)
    assert sorted(insight["data"]["number"] for insight in await world.insights()) == list(range(8))
    assert not await world.outbox()


@pytest.mark.parametrize(
    ("handle", "said"),
    [
        (announcing(*insights(20, 120_000)), "bytes in one commit; allowed are 100 and 2,031,616"),
        (announcing(*insights(1, 262_000)), "a message of 262,"),
    ],
    ids=["more than a batch may weigh", "an event that no topic takes"],
)
async def test_what_does_not_fit_is_parked_and_nothing_of_it_happens(world: World, handle: Any, said: str) -> None:
    # when
    await run(world, world.process(PROBE, reacting(handle)))

    # then
    (parked,) = await world.parked()
    assert parked.reason == "too-much"
    assert said in parked.description
    assert not await world.documents()
    assert not await world.insights()


@pytest.mark.parametrize(("count", "fits"), [(99, True), (100, False)])
async def test_a_commit_has_at_most_a_hundred_operations_with_its_marker(world: World, count: int, fits: bool) -> None:
    # given
    async def write(event: Event[Probed], ports: Ports) -> Effects:
        return Effects(tuple(Put({"id": f"part-{number}", "kind": "part"}) for number in range(count)))

    # when
    await run(world, world.process(PROBE, reacting(write)))

    # then
    assert len(await world.records()) == (count if fits else 0)
    described = [one.description for one in await world.parked()]
    assert [one.partition(" and ")[0] for one in described] == ([] if fits else ["101 operations"])


async def test_a_later_event_is_published_at_its_time(world: World) -> None:
    # given
    at = datetime.now(UTC).replace(microsecond=0)

    async def announce(event: Event[Probed], ports: Ports) -> Effects:
        effects = await announcing(Insight())(event, ports)
        return replace(effects, events=(replace(effects.events[0], at=at.replace(year=at.year + 1)),))

    # when
    await run(world, world.process(PROBE, reacting(announce)))

    # then
    assert not await world.outbox()
    assert not await world.insights()

"""What may succeed later comes again: for its own subscription alone, until it is done or parked."""

import socket
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from local.cosmos.faults import Fault
from services.inference.topology import AI_PROCESSOR
from services.kernel import service
from services.kernel.delivery import ATTEMPT, FIRST_ID
from services.kernel.outcome import Retry
from services.kernel.publisher import Publisher
from tests.services.events import bare, customer, message, order
from tests.services.probe import LISTENS, PROBE, YES, ask, probed, reacting
from tests.services.world import SECOND, World, app_of

ENDLESS = 10_000
"""More often than the SDK tries by itself."""


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_copy_reaches_only_the_subscription_that_asked_for_it(world: World) -> None:
    # given: two subscriptions got the event
    world.model.turn(down=True)
    await world.send(message(order(), "m-1"))
    await world.receive(to=SECOND)

    # when
    process = world.process()
    await world.deliver(process)
    world.model.turn(down=False)
    (copy,) = await world.deliver(process)

    # then
    assert (copy.subject, copy.to) == ("retry", "ai-processor")
    assert [str(one.message_id) for one in await world.peek("data-changes", "second")] == ["m-1"]
    assert len(await world.insights()) == 1


async def test_a_message_that_an_operator_replays_reaches_only_the_subscription_it_came_from(world: World) -> None:
    # given: it was parked, for the model was down and its time was up
    event = order()
    replayed = message(
        event, "replay-1", subject="retry", to=AI_PROCESSOR.name, application_properties={FIRST_ID: "m-1", ATTEMPT: 1}
    )

    # when
    await world.send(replayed)
    await world.deliver(world.process())

    # then
    assert len(await world.records()) == 1
    assert not await world.peek("data-changes", "second")


async def test_a_replay_of_what_is_done_already_does_nothing(world: World) -> None:
    # given
    event = order()
    process = world.process()
    await world.send(message(event))
    await world.deliver(process)
    before = await world.documents()

    # when
    await world.send(message(event, subject="retry", to=AI_PROCESSOR.name))
    await world.deliver(process)

    # then
    assert await world.documents() == before
    assert world.model.stats().calls == 1


async def test_a_replay_that_fails_as_its_event_did_before_is_scheduled_all_the_same(world: World) -> None:
    # given: the broker still remembers the copies of the first round
    world.set(Retry__attempts=2)
    process = world.process(PROBE, reacting(ask))
    event = probed()
    world.model.turn(down=True)
    await world.send(message(event, subject="order_placed"))
    await world.deliver(process, count=2, to=LISTENS)
    (parked,) = await world.parked()
    assert parked.reason == "no-answer"

    # when
    await world.send(message(event, subject="retry", to=LISTENS.name))
    await world.deliver(process, to=LISTENS)
    world.model.turn(down=False)
    world.model.script("weighty", YES)
    await world.deliver(process, to=LISTENS)

    # then
    (marker,) = await world.markers()
    assert marker["attempt"] == 2


async def test_two_contents_under_one_id_are_both_heard_of_even_if_both_must_wait(world: World) -> None:
    # given
    world.model.turn(down=True)
    process = world.process()
    await world.send(message(customer({"id": "e-1"})), message(customer({"id": "e-1"}, customer_id="C-2")))
    await world.deliver(process, count=2)

    # when
    world.model.turn(down=False)
    await world.deliver(process, count=2)

    # then
    assert len(await world.records()) == 1
    assert [one.reason for one in await world.parked()] == ["id-reused"]


async def test_copies_of_a_bare_event_are_the_same_event(world: World) -> None:
    # given
    world.model.turn(down=True)
    process = world.process()
    await world.send(message(bare(order()), "m-1"))
    await world.deliver(process, count=2)

    # when
    world.model.turn(down=False)
    await world.deliver(process)
    await world.send(message(bare(order()), "m-2", application_properties={FIRST_ID: "m-1"}))
    await world.deliver(process)

    # then
    (marker,) = await world.markers()
    assert (marker["event_id"], marker["attempt"]) == ("m-1", 3)
    assert len(await world.insights()) == 1


@pytest.mark.parametrize(
    ("attempt", "asked", "least"),
    [
        (1, None, 5),
        (2, None, 10),
        (3, None, 20),
        (5, None, 60),
        (9, None, 60),
        (1, 0, 5),
        (1, 0.05, 5),
        (1, 90, 90),
        (9, 7, 60),
        (9, 70, 70),
        (1, 1e12, 24 * 3600),
    ],
)
async def test_waits_double_up_to_the_cap_and_are_longer_where_that_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, attempt: int, asked: float | None, least: float
) -> None:
    # given
    world.set(Retry__baseSeconds=5, Retry__capSeconds=60, Retry__attempts=10)
    sent: list[ServiceBusMessage] = []

    async def keep(self: Publisher, entity: str, messages: list[ServiceBusMessage]) -> None:
        assert entity == "data-changes"
        sent.extend(messages)

    monkeypatch.setattr(Publisher, "send", keep)
    reason = Retry("busy", "for now", after=asked)
    monkeypatch.setattr(service, "find_marker", AsyncMock(side_effect=reason))

    # when
    await world.send(message(order(), application_properties={ATTEMPT: attempt}))
    await world.deliver(world.process())

    # then: with up to a quarter more, so that what failed together does not come back together
    (copy,) = sent
    assert copy.scheduled_enqueue_time_utc
    wait = (copy.scheduled_enqueue_time_utc - datetime.now(UTC)).total_seconds()
    assert least - 2 <= wait <= least * 1.25
    assert copy.application_properties
    assert copy.application_properties[ATTEMPT] == attempt + 1


FAULTS: dict[str, dict[str, Any]] = {
    "the record cannot be read": {"container": "items", "activity": "reads"},
    "the catalogue cannot be read": {"container": "reference", "activity": "queries"},
    "the ledger cannot be read": {"container": "decisions", "activity": "reads"},
    "the budget cannot be reserved": {"container": "budgets"},
    "the ledger cannot be written": {"container": "decisions", "activity": "writes"},
    "the commit fails": {"container": "items", "activity": "batches"},
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("where", FAULTS.values(), ids=FAULTS.keys())
async def test_a_store_that_is_busy_makes_the_event_wait_and_loses_nothing(
    world: World, where: dict[str, Any], status: int
) -> None:
    # given
    process = world.process()
    world.cosmos.fail(Fault.model_validate({"status": status, "retryAfterMs": 1, "count": ENDLESS, "match": where}))
    await world.send(message(customer()))
    await world.deliver(process)
    assert not await world.records()

    # when
    world.recover()
    (copy,) = await world.deliver(process)

    # then
    assert (copy.subject, copy.to) == ("retry", "ai-processor")
    assert len(await world.records()) == len(await world.markers()) == 1
    assert len(await world.decisions()) == len(await world.insights()) == 1
    assert not await world.parked()
    assert world.model.stats().calls == (2 if where == FAULTS["the ledger cannot be written"] else 1)


async def test_a_commit_whose_answer_is_lost_takes_effect_once(world: World) -> None:
    # given: the batch is carried out, and the client is told that it was not
    world.set(Outbox__olderThanSeconds=0.001)
    lost = {"status": 503, "afterCommit": True, "match": {"container": "items", "activity": "batches"}}
    world.cosmos.fail(Fault.model_validate(lost))
    process = world.process()
    await world.send(message(customer()))

    # when
    await world.deliver(process)
    while await world.outbox():
        await process.sweep_outbox()

    # then
    assert len(await world.records()) == len(await world.markers()) == len(await world.insights()) == 1
    assert world.model.stats().calls == 1


async def test_a_store_that_stays_away_parks_the_event_in_the_end(world: World) -> None:
    # given
    world.set(Retry__attempts=2)
    world.cosmos.fail(Fault(status=503, count=ENDLESS))
    process = world.process()

    # when
    await world.send(message(customer()))
    await world.deliver(process, count=2)

    # then
    (parked,) = await world.parked()
    assert parked.reason == "retries-exhausted"
    assert "2 attempts and 0 tokens were not enough: store-busy: Cosmos DB answered 503" in parked.description
    assert parked.properties["exception"] == "Retry"


async def test_a_store_that_cannot_be_reached_makes_the_event_wait(world: World) -> None:
    # given
    reachable = app_of(world.plan, "inference").key
    world.set(Cosmos=f"AccountEndpoint=http://127.0.0.1:{closed_port()}/;AccountKey={reachable};")
    process = world.process()
    await world.send(message(order()))

    # when
    await world.deliver(process)

    # then
    (copy,) = await world.receive()
    assert (copy.subject, copy.to) == ("retry", "ai-processor")


async def test_what_cannot_be_scheduled_is_not_completed(world: World) -> None:
    # given: neither the model nor Service Bus can be reached
    world.model.turn(down=True)
    right = world.setting("ServiceBus")
    world.set(ServiceBus=right.replace(f":{world.bus.port}", f":{closed_port()}"))
    await world.send(message(order()))

    # when
    with pytest.raises(ServiceBusError):
        await world.deliver(world.process())

    # then: the broker delivers it again
    world.set(ServiceBus=right)
    world.model.turn(down=False)
    (again,) = await world.deliver(world.process())
    assert again.delivery_count == 1
    assert len(await world.insights()) == 1

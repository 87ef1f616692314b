"""The event store: versions without gap, nothing lost, nothing double, at a price that does not grow."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.entities import EVENTS
from services.event_sourcing import aggregate
from services.event_sourcing.aggregate import Case
from services.event_sourcing.events import EvidenceAdded, RefundOpened
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.stream import Past, Reason, append, load, stream_of, version_at
from services.event_sourcing.topology import DECIDER
from services.kernel.service import Service
from tests.services.event_sourcing.commands import (
    CASE,
    STREAM,
    WAIT,
    add_evidence,
    given_order,
    open_refund,
    outdated,
    stream,
    told,
    types,
    view,
)
from tests.services.events import cloud_event
from tests.services.kernel.test_crashes import COMMIT, FIND_MARKER, FORGET, PUBLISH, RECEIVE, dying_after
from tests.services.world import World

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
IMPORTED = Reason("import", {"type": "import", "data": {}, "order": None})


@dataclass(frozen=True)
class Handed:
    """A message as the host hands it over, without a broker behind it."""

    event: dict[str, Any]
    subject: str = ""
    sequence_number: int = 1
    enqueued_time_utc: datetime | None = None
    application_properties: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def message_id(self) -> str:
        return str(self.event["id"])

    def get_body(self) -> bytes:
        return json.dumps(self.event).encode()


def handed(kind: str, **data: Any) -> Handed:
    return Handed(cloud_event(kind, data))


async def given_stream(world: World, length: int, name: str = STREAM, case: str = CASE) -> None:
    """A case with this many events, written in batches of a hundred documents with a snapshot now and then."""
    container = world.database.get_container_client(EVENTS.name)
    past, written = Past(Case()), 0
    while written < length:
        facts = [EvidenceAdded(evidence=f"piece {written + at}") for at in range(min(97, length - written))]
        if not written:
            amount = Decimal("40.00")
            facts[0] = RefundOpened(  # type: ignore[call-overload]
                case_id=case, order_id="O-1", customer_id="C-1", amount=amount, currency="EUR", reason=""
            )
        added = append(name, past, facts, IMPORTED, NOW + timedelta(seconds=written))
        documents = [{**put.document, "stream": name} for put in added.puts]
        await container.execute_item_batch([("create", (each,)) for each in documents], partition_key=name)
        past, written = added.past, written + len(facts)


# -- two writers, crashes, repetitions ---------------------------------------------------------------------------------

CRASHES = {"receive": RECEIVE, "marker": FIND_MARKER, "commit": COMMIT, "publish": PUBLISH, "forget": FORGET}
happenings = st.one_of(
    st.tuples(st.just("one"), st.just("")),
    st.tuples(st.just("two at once"), st.just("")),
    st.tuples(st.just("the same at once"), st.just("")),
    st.tuples(st.just("again"), st.just("")),
    st.tuples(st.just("crash"), st.sampled_from(list(CRASHES))),
    st.tuples(st.just("not legal"), st.just("")),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(happenings, min_size=1, max_size=8))
async def test_whatever_two_writers_do_the_stream_is_gapless_and_has_every_command_once(
    world: World, story: list[tuple[str, str]]
) -> None:
    # given: a case that a person reviews, so that evidence is taken without a judgement
    case = f"R-{len(await world.documents(EVENTS.name, 'event'))}-{len(story)}"
    name = stream_of(case)
    first, second = await given_order(world, "900.00"), world.start(SERVICE)
    await first.deliver(handed("open_refund", case_id=case, order_id="O-1"), DECIDER)
    evidence: list[str] = []
    refused = 0

    def piece() -> Handed:
        evidence.append(f"piece {len(evidence)}")
        return handed("add_evidence", case_id=case, evidence=evidence[-1])

    # when
    last = piece()
    await first.deliver(last, DECIDER)
    for what, where in story:
        if what == "one":
            last = piece()
            await second.deliver(last, DECIDER)
        elif what == "two at once":
            await asyncio.gather(first.deliver(piece(), DECIDER), second.deliver(piece(), DECIDER))
        elif what == "the same at once":
            last = piece()
            await asyncio.gather(first.deliver(last, DECIDER), second.deliver(last, DECIDER))
        elif what == "again":
            await second.deliver(last, DECIDER)
        elif what == "not legal":
            await first.deliver(handed("pay_refund", case_id=case), DECIDER)
            refused += 1
        else:
            last = piece()
            with dying_after(CRASHES[where]):
                await world.start(SERVICE).deliver(last, DECIDER)
            await second.deliver(last, DECIDER)

    # then
    events = await stream(world, name)
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    added = [event["data"]["evidence"] for event in events if event["type"] == "evidence_added"]
    assert sorted(added) == sorted(evidence)
    assert [event["type"] for event in events].count("command_rejected") == refused
    folded = (await load(first.documents, name)).case
    assert (folded.version, folded.pieces, folded.rejections) == (len(events), len(evidence), refused)
    assert list(folded.evidence) == added[-3:]


async def test_two_processes_on_one_stream_take_turns(world: World) -> None:
    # given
    processes = [await given_order(world), world.start(SERVICE)]
    await given_stream(world, 3)
    world.model.script("refund_decision", *[WAIT] * 20)

    # when
    pieces = [handed("add_evidence", case_id=CASE, evidence=str(number)) for number in range(6)]
    await asyncio.gather(*(processes[at % 2].deliver(piece, DECIDER) for at, piece in enumerate(pieces)))

    # then
    events = await stream(world)
    assert [event["version"] for event in events] == list(range(1, 10))
    assert {event["data"]["evidence"] for event in events[3:]} == {str(number) for number in range(6)}
    assert world.model.stats().calls == 6, "who loses a turn decides again with its recorded answer"


# -- long streams ------------------------------------------------------------------------------------------------------


async def price_of_a_command(world: World, process: Service) -> dict[str, Any]:
    world.model.script("refund_decision", WAIT)
    world.cosmos.reset_counts()
    await process.deliver(handed("add_evidence", case_id=CASE, evidence="one more"), DECIDER)
    return world.cosmos.counts()["main/events"]


async def short_and_long(world: World, length: int) -> tuple[dict[str, Any], dict[str, Any]]:
    process = await given_order(world)
    await given_stream(world, 10)
    await process.deliver(handed("pay_refund", case_id=CASE), DECIDER)  # its clients are open now
    short = await price_of_a_command(world, process)
    container = world.database.get_container_client(EVENTS.name)
    for document in [each async for each in container.query_items("SELECT c.id FROM c", partition_key=STREAM)]:
        await container.delete_item(document["id"], partition_key=STREAM)
    await given_stream(world, length)
    long = await price_of_a_command(world, process)
    assert [event["version"] for event in (await stream(world))[-2:]] == [length, length + 1]
    return short, long


async def test_a_command_costs_the_same_on_a_stream_of_ten_and_of_five_thousand(world: World) -> None:
    # when
    short, long = await short_and_long(world, 5_000)

    # then
    assert short == long
    assert long["batches"] == 1


@pytest.mark.slow
async def test_a_command_costs_the_same_on_a_stream_of_ten_and_of_a_hundred_thousand(world: World) -> None:
    # when
    short, long = await short_and_long(world, 100_000)

    # then
    assert short == long


async def test_a_snapshot_of_another_shape_is_not_used_and_the_next_command_writes_one_of_todays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    process = await given_order(world)
    await given_stream(world, 120)
    monkeypatch.setattr(aggregate, "SCHEMA", 2)
    monkeypatch.setattr("services.event_sourcing.stream.SCHEMA", 2)
    assert (await load(process.documents, STREAM)).snapshot == 0

    # when
    await price_of_a_command(world, process)

    # then
    past = await load(process.documents, STREAM)
    assert (past.snapshot, past.case.version, past.case.pieces) == (121, 121, 120)


async def test_a_case_can_be_seen_at_any_version_and_at_any_time(world: World) -> None:
    # given: the batches are 97 seconds apart
    process = await given_order(world)
    await given_stream(world, 300)

    # when
    versions = [1, 50, 97, 98, 150, 300]
    seen = [(await load(process.documents, STREAM, version)).case for version in versions]
    moments = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=97), NOW + timedelta(hours=1)]
    then = [await version_at(process.documents, STREAM, moment) for moment in moments]

    # then
    assert [(case.version, case.pieces) for case in seen] == [(version, version - 1) for version in versions]
    assert then == [0, 97, 194, 300]


async def test_an_old_fact_stays_as_it_was_written_and_is_lifted_when_it_is_read(world: World) -> None:
    # given
    process = await given_order(world, "19.90", order_id="O-0")
    data = {"case_id": CASE, "order_id": "O-0", "customer_id": "C-1", "amount": 19.9, "reason": "broken"}
    old = {
        "id": "000000000001",
        "stream": STREAM,
        "kind": "event",
        "version": 1,
        "type": "refund_opened",
        "schema": 1,
        "data": data,
        "timestamp": "2024-01-01T00:00:00.000000+00:00",
        "ai_metadata": None,
        "cause": "import",
        "command": None,
    }
    await world.put(EVENTS.name, old)

    # when
    world.model.script("refund_decision", WAIT)
    await told(world, process, add_evidence())

    # then
    assert (await stream(world))[0] == old
    seen = await view(world)
    assert (seen["amount"], seen["currency"], seen["pieces"]) == ("19.90", "EUR", 1)


async def made_anew(world: World, length: int) -> int:
    """Have the view of a long stream made; returns in how many steps."""
    process = await given_order(world)
    await given_stream(world, length)
    await process.send([outdated()])
    await world.drain(process, patience=0.3)
    seen = await view(world)
    assert (seen["version"], seen["pieces"]) == (length, length - 1)
    assert not await world.parked()
    return len(await world.documents("views", "inbox"))


async def test_the_view_of_a_long_stream_is_made_in_steps(world: World) -> None:
    assert await made_anew(world, 2_300) == 3


@pytest.mark.slow
async def test_the_view_of_ten_thousand_events_is_made_in_steps(world: World) -> None:
    assert await made_anew(world, 10_000) == 11, "ten steps of a thousand, and one that finds nothing more"


async def test_duplicates_add_nothing_and_ask_nothing(world: World) -> None:
    # given
    process = await given_order(world)
    once = open_refund({"id": "c-1"})
    await told(world, process, once)
    before, calls = await types(world), world.model.stats().calls

    # when
    await told(world, process, open_refund({"id": "c-1"}))

    # then
    assert await types(world) == before
    assert world.model.stats().calls == calls

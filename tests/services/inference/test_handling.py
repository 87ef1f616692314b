"""An event of each kind, from the broker to the stores; then again, late, bare, and twice at once."""

from typing import Any
from unittest.mock import ANY

import pytest

from services.kernel.ids import safe_id
from services.kernel.ports import Ports
from tests.services.events import bare, customer, feedback, message, order
from tests.services.world import World


async def test_a_new_customer_becomes_a_record_an_insight_a_ledger_entry_and_a_marker(world: World) -> None:
    # given
    event = customer({"id": "e-1"}, version=1)
    key = safe_id("/shop", "e-1")

    # when
    await world.send(message(event))
    await world.deliver(world.process())

    # then: the record has what the event says and what the answer adds
    (record,) = await world.records()
    enrichment = {
        "predicted_segment": "enterprise",
        "industry_classification": "logistics",
        "potential_value": "high",
        "recommended_products": ["P-210", "P-300"],
    }
    partition = safe_id("customer", "C-1")
    assert record == event["data"] | enrichment | {
        "id": partition,
        "entity_id": partition,
        "kind": "customer",
        "version": 1,
        "as_of": "2026-11-20T08:00:00+00:00",
        "decided_by": {"source": "model", "model": "gpt-5.4-mini", "event": key, "content": ANY},
    }

    # then: the insight says it to whoever listens, and names its cause
    (insight,) = await world.insights()
    assert insight["type"] == "customer_enriched"
    assert insight["causationid"] == "e-1"
    assert insight["data"] == {"customer_id": "C-1", "confidence": "medium", "source": "model"} | enrichment

    # then: the ledger knows what it cost
    (decision,) = await world.decisions()
    assert (decision["event_key"], decision["question"]) == (key, "customer_segment")
    assert decision["source"] == "model"
    assert decision["calls"] == world.model.stats().calls == 1
    assert decision["tokens"]["input"] == world.model.stats().tokens.prompt
    assert decision["cost_usd"] > 0

    # then: the marker remembers the event, and nothing is left over
    (marker,) = await world.markers()
    assert (marker["event_key"], marker["verdict"], marker["attempt"]) == (key, "committed", 1)
    assert marker["ttl"] == decision_ttl(world)
    assert not await world.outbox()
    assert not await world.parked()
    assert not await world.waiting()


def decision_ttl(world: World) -> int:
    """Ledger entries and markers live equally long, or one of them would forget an event that the other knows."""
    return next(int(c["defaultTtl"]) for c in world.plan.containers["main"] if c["id"] == "decisions")


async def test_an_order_is_judged_by_what_its_lines_come_to(world: World) -> None:
    # given
    lines = [
        {"product_id": "P-300", "quantity": 1, "unit_price": 8900},
        {"product_id": "P-110", "quantity": 3, "unit_price": "39.90"},
    ]

    # when
    await world.send(message(order(items=lines, total=1, shipping="express")))
    await world.deliver(world.process())

    # then
    (insight,) = await world.insights()
    assert insight["type"] == "order_analyzed"
    assert insight["data"] == {
        "order_id": "O-1",
        "customer_id": "C-1",
        "total": "9019.70",
        "currency": "EUR",
        "risk": "high",
        "fulfilment_priority": "express",
        "reasons": ["large_amount", "unknown_customer"],
        "needs_review": False,
        "confidence": "medium",
        "source": "model",
    }
    (record,) = await world.records()
    assert (record["kind"], record["total"], record["risk"]) == ("order", "9019.70", "high")


async def test_an_order_of_a_customer_who_is_known_is_judged_with_that_in_mind(world: World) -> None:
    # given
    process = world.process()
    await world.send(message(customer()))
    await world.deliver(process)

    # when
    await world.send(message(order()))
    await world.deliver(process)

    # then
    assert [insight["data"].get("reasons") for insight in await world.insights()] == [None, ["known_customer"]]


async def test_feedback_is_analysed(world: World) -> None:
    # when
    await world.send(message(feedback()))
    await world.deliver(world.process())

    # then
    (insight,) = await world.insights()
    assert insight["type"] == "feedback_analyzed"
    assert insight["data"] == {
        "feedback_id": "F-1",
        "customer_id": "C-1",
        "sentiment": "negative",
        "topics": ["delivery"],
        "urgency": "normal",
        "needs_reply": True,
        "confidence": "medium",
        "source": "model",
    }


async def test_an_answer_without_confidence_asks_for_a_persons_look(world: World) -> None:
    # given
    unsure = {"risk": "medium", "fulfilment_priority": "low", "reasons": ["unusual_notes"], "confidence": "low"}
    world.model.script("order_risk", unsure)

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    (insight,) = await world.insights()
    assert insight["data"]["needs_review"] is True
    assert insight["data"]["risk"] == "medium"


@pytest.mark.parametrize("process_is_new", [False, True], ids=["same process", "another process"])
async def test_an_event_that_comes_twice_adds_nothing_and_asks_nothing(world: World, process_is_new: bool) -> None:
    # given
    event = customer(version=1)
    first = world.process()
    await world.send(message(event), message(event))
    await world.deliver(first)
    before = await world.documents()

    # when
    await world.deliver(world.process() if process_is_new else first)

    # then
    assert await world.documents() == before
    assert len(await world.insights()) == 1
    assert world.model.stats().calls == 1
    assert not await world.parked()


async def test_an_event_that_comes_twice_does_not_undo_what_a_person_did_since(world: World) -> None:
    # given: a person has looked at the order; it has no version, so nothing but the inbox knows the repetition
    event = order()
    process = world.process()
    await world.send(message(event), message(event))
    await world.deliver(process)
    (record,) = await world.records()
    await world.put("items", {**record, "risk": "high"})

    # when
    await world.deliver(process)

    # then
    (record,) = await world.records()
    assert record["risk"] == "high"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"version": 2}, {"version": 3}),
        ({"version": 3}, {"version": 3}),
        ({"time": "2026-11-20T07:59:59Z"}, {"time": "2026-11-20T08:00:00Z"}),
        ({"time": "2026-11-20T09:59:59+02:00"}, {"time": "2026-11-20T08:00:00Z"}),
        ({"time": "2026-11-20T09:00:00Z", "version": 1}, {"time": "2026-11-20T08:00:00Z", "version": 2}),
    ],
    ids=["older version", "same version", "older time", "older time in another zone", "version before time"],
)
async def test_an_event_that_arrives_late_changes_nothing_asks_nothing_and_is_remembered(
    world: World, old: dict[str, Any], new: dict[str, Any]
) -> None:
    # given
    process = world.process()
    await world.send(message(dated(new, name="the new name")))
    await world.deliver(process)
    records = await world.records()

    # when
    await world.send(message(dated(old, name="the old name")))
    await world.deliver(process)

    # then
    assert await world.records() == records
    assert len(await world.insights()) == 1
    assert world.model.stats().calls == 1
    assert sorted(marker["verdict"] for marker in await world.markers()) == ["committed", "stale"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"version": 2}, {"version": 3}),
        ({"time": "2026-11-20T07:59:59Z"}, {"time": "2026-11-20T08:00:00Z"}),
        ({"time": "2026-11-20T08:00:00Z"}, {"time": "2026-11-20T08:00:00Z"}),
    ],
    ids=["newer version", "newer time", "same time"],
)
async def test_an_event_that_is_newer_brings_the_record_up_to_date(
    world: World, old: dict[str, Any], new: dict[str, Any]
) -> None:
    # given
    process = world.process()
    await world.send(message(dated(old, company="", employees=None)))
    await world.deliver(process)

    # when
    await world.send(message(dated(new)))
    await world.deliver(process)

    # then
    (record,) = await world.records()
    assert (record["company"], record["predicted_segment"]) == ("Nordlicht Logistik", "enterprise")
    assert [insight["data"]["predicted_segment"] for insight in await world.insights()] == ["consumer", "enterprise"]


def dated(when: dict[str, Any], **data: Any) -> dict[str, Any]:
    attributes = {name: value for name, value in when.items() if name == "time"}
    return customer(attributes, **data, **{name: value for name, value in when.items() if name == "version"})


async def test_a_bare_event_is_never_stale_and_known_by_its_message_id(world: World) -> None:
    # given
    process = world.process()
    await world.send(message(customer(version=7)))
    await world.deliver(process)

    # when
    await world.send(message(bare(customer(name="bare")), "m-1"), message(bare(customer(name="bare again")), "m-2"))
    await world.deliver(process, count=2)

    # then
    (record,) = await world.records()
    assert record["name"] == "bare again"
    assert record["version"] == 7, "a version that nobody contradicts stands"
    assert {marker["event_id"] for marker in await world.markers()} >= {"m-1", "m-2"}
    assert len(await world.insights()) == 3


async def test_what_somebody_else_wrote_into_a_record_is_kept(world: World) -> None:
    # given
    process = world.process()
    await world.send(message(customer(version=1)))
    await world.deliver(process)
    (record,) = await world.records()
    await world.put("items", record | {"account_manager": "Ines"})

    # when
    await world.send(message(customer(version=2)))
    await world.deliver(process)

    # then
    (record,) = await world.records()
    assert (record["account_manager"], record["version"]) == ("Ines", 2)


async def test_the_same_event_twice_at_once_in_one_process_asks_once(world: World) -> None:
    # given
    event = customer()
    world.model.turn(latency=0.05)
    process = world.process()
    await world.send(message(event), message(event))

    # when
    await world.deliver(process, process)

    # then
    assert world.model.stats().calls == 1
    assert len(await world.markers()) == 1
    assert len(await world.insights()) == 1


@pytest.mark.parametrize("known", [False, True], ids=["both would create it", "both would replace it"])
async def test_two_processes_on_the_same_entity_decide_again_by_the_recorded_answer(world: World, known: bool) -> None:
    # given: both load the record before either writes
    first, second = world.process(), world.process()
    if known:
        await world.send(message(customer(version=1)))
        await world.deliver(first)
    asked, batches = world.model.stats().calls, world.cosmos.counts().get("main/items", {}).get("batches", 0)
    world.model.turn(latency=0.15)
    await world.send(message(customer(version=2, name="two")), message(customer(version=3, name="three")))

    # when
    await world.deliver(first, second)

    # then: who came second has tried in vain, and then decided on what the other wrote
    (record,) = await world.records()
    assert (record["version"], record["name"]) == (3, "three")
    assert world.cosmos.counts()["main/items"]["batches"] - batches == 3
    assert world.model.stats().calls - asked == 2, "one call for each event, however often it was decided"
    verdicts = [marker["verdict"] for marker in await world.markers()]
    assert len(verdicts) == 2 + known
    assert len(await world.insights()) == verdicts.count("committed")


async def test_the_same_event_twice_at_once_in_two_processes_takes_effect_once(world: World) -> None:
    # given
    event = customer()
    world.model.turn(latency=0.1)
    await world.send(message(event), message(event))

    # when
    await world.deliver(world.process(), world.process())

    # then
    assert len(await world.records()) == len(await world.markers()) == len(await world.decisions()) == 1
    assert len(await world.insights()) == 1
    assert not await world.outbox()


async def test_a_record_that_somebody_keeps_writing_makes_the_event_wait_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: whenever the record was loaded, somebody writes it
    process = world.process()
    await world.send(message(customer(version=1)))
    await world.deliver(process)
    load = Ports.mine
    writes = 0

    async def mine(self: Ports, document_id: str) -> Any:
        nonlocal writes
        document = await load(self, document_id)
        if document and writes < 6:
            writes += 1
            await world.put("items", {key: value for key, value in document.items() if not key.startswith("_")})
        return document

    monkeypatch.setattr(Ports, "mine", mine)

    # when
    await world.send(message(customer({"id": "busy"}, version=2)))
    await world.deliver(process)
    (copy,) = await world.deliver(process)

    # then
    assert copy.subject == "retry"
    (record,) = await world.records()
    assert record["version"] == 2
    assert world.model.stats().calls == 2

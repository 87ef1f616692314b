"""Another prompt decides a recorded case again: beside the real one, which nobody touches."""

from typing import Any

from services.entities import ENTITY_EVENTS
from services.event_sourcing.what_if import is_side_stream
from tests.services.event_sourcing.commands import (
    CASE,
    STREAM,
    WAIT,
    add_evidence,
    answer,
    approvals,
    command,
    given_order,
    open_refund,
    stream,
    told,
    view,
)
from tests.services.world import World

CANDIDATE = "refund_decision_stricter"


async def side_events(world: World) -> list[dict[str, Any]]:
    return [event for event in await world.documents("events", "event") if is_side_stream(event["stream"])]


async def test_a_stricter_prompt_shows_what_it_would_have_decided_and_what_it_would_have_cost(world: World) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())
    real, seen, heard = await stream(world), await view(world), await world.events(ENTITY_EVENTS)

    # when: the rules of the stricter prompt want evidence, so a person would decide
    await told(world, process, command("what_if", candidate="stricter"))

    # then: the comparison says so
    (comparison,) = await world.documents("events", "comparison")
    assert (comparison["case_id"], comparison["candidate"], comparison["done"]) == (CASE, "stricter", True)
    assert (comparison["commands"], comparison["different"], comparison["would_be_status"]) == (2, 2, "in_review")
    first, second = comparison["rows"]
    assert first["decided"] == ["refund_opened", "refund_approved"]
    assert first["would_be_decided"] == ["refund_opened", "review_requested"]
    assert (second["decided"], second["would_be_decided"]) == (["refund_paid"], ["command_rejected"])
    real_entry, side_entry = sorted(await world.decisions(), key=lambda entry: entry["at"])
    assert comparison["tokens"] == real_entry["tokens"]["input"] + real_entry["tokens"]["output"] > 0
    assert comparison["would_be_cost_usd"] == side_entry["cost_usd"] > 0

    # then: the ledger keeps both apart, and the real case is untouched
    assert (real_entry["question"], side_entry["question"]) == ("refund_decision", CANDIDATE)
    assert (real_entry["event_type"], side_entry["event_type"]) == ("open_refund", "what_if")
    assert await stream(world) == real
    assert await view(world) == seen
    assert await world.events(ENTITY_EVENTS) == heard
    assert not await approvals(world)
    assert [event["type"] for event in await side_events(world)] == [
        "refund_opened",
        "review_requested",
        "command_rejected",
    ]


async def test_a_long_case_is_replayed_in_steps_each_command_once(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", *[WAIT] * 13)
    await told(world, process, open_refund(), *(add_evidence(evidence=str(number)) for number in range(12)))

    # when
    world.model.script(CANDIDATE, *[WAIT] * 12, answer("refund_rejected", rejection_reason="out_of_policy"))
    await told(world, process, command("what_if", candidate="stricter"))

    # then
    (comparison,) = await world.documents("events", "comparison")
    assert (comparison["commands"], comparison["different"], comparison["done"]) == (13, 1, True)
    assert comparison["would_be_status"] == "rejected"
    assert [event["version"] for event in await side_events(world)] == list(range(1, 15))
    assert world.model.stats().calls == 26


async def test_a_persons_decision_is_replayed_where_a_person_would_be_asked(world: World) -> None:
    # given
    process = await given_order(world, "900.00")
    await told(world, process, open_refund())
    (approval,) = await approvals(world)
    decided = {"approval_id": approval["approval_id"], "owner": STREAM, "decision": "approve", "by": "ada"}
    await told(world, process, command("approval_decided", **decided))

    # when
    await told(world, process, command("what_if", candidate="stricter"))

    # then
    (comparison,) = await world.documents("events", "comparison")
    assert (comparison["different"], comparison["would_be_status"]) == (0, "paid")


async def test_what_cannot_be_replayed_is_parked_with_what_could(world: World) -> None:
    # given
    process = await given_order(world)

    # when
    await told(world, process, command("what_if", candidate="kinder"), command("what_if", candidate="stricter"))

    # then
    unknown, missing = await world.parked()
    assert (unknown.reason, missing.reason) == ("unknown-candidate", "no-such-case")
    assert "there are stricter" in unknown.description


async def test_a_case_named_like_a_side_stream_is_a_case(world: World) -> None:
    assert not is_side_stream(command("open_refund", case="what-if~x").session_id or "")

"""A refund case from the broker to the stores: opened, judged, paid, reviewed, withdrawn; commands that are refused."""

import pytest

from services.entities import ENTITY_EVENTS
from services.event_sourcing.handler import SERVICE
from tests.services.event_sourcing.commands import (
    STREAM,
    WAIT,
    add_evidence,
    answer,
    approvals,
    command,
    given_order,
    open_refund,
    outdated,
    stream,
    told,
    types,
    view,
)
from tests.services.world import World


async def test_a_small_refund_is_opened_approved_and_paid_and_everybody_hears_of_it(world: World) -> None:
    # given
    process = await given_order(world)

    # when
    await told(world, process, open_refund({"id": "c-1"}))

    # then: the stream has the facts, gapless, the first with the command, the judged ones with the decision
    opened, approved, paid = await stream(world)
    assert [event["version"] for event in (opened, approved, paid)] == [1, 2, 3]
    assert [event["type"] for event in (opened, approved, paid)] == ["refund_opened", "refund_approved", "refund_paid"]
    assert (opened["data"]["amount"], opened["data"]["currency"], opened["schema"]) == ("40.00", "EUR", 2)
    assert opened["command"]["type"] == "open_refund"
    assert approved["ai_metadata"]["source"] == "model"
    assert approved["ai_metadata"]["prompt_version"] == "1"
    assert approved["ai_metadata"]["events_to_generate"] == ["refund_approved"]
    assert paid["ai_metadata"] is None

    # then: each fact is announced once, with what one must know
    announced = await world.events(ENTITY_EVENTS)
    assert [event["type"] for event in announced] == ["refund_opened", "refund_approved", "refund_paid"]
    for version, event in enumerate(announced, start=1):
        known = {"stream": STREAM, "version": version, "case_id": "R-1", "order_id": "O-1", "customer_id": "C-1"}
        assert known.items() <= event["data"].items()
        assert (event["data"]["amount"], event["data"]["currency"]) == ("40.00", "EUR")

    # then: the view has caught up, one answer was paid for, nothing is left over
    seen = await view(world)
    assert (seen["status"], seen["version"], seen["amount"]) == ("paid", 3, "40.00")
    assert world.model.stats().calls == 1
    assert len(await world.decisions()) == 1
    assert not await world.documents("events", "outbox")
    assert not await world.parked()


async def test_without_evidence_the_case_stays_open_and_evidence_is_judged_again(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", WAIT)
    await told(world, process, open_refund())

    # when
    world.model.script("refund_decision", answer("refund_rejected", rejection_reason="out_of_policy"))
    await told(world, process, add_evidence())

    # then
    assert await types(world) == ["refund_opened", "evidence_added", "refund_rejected"]
    seen = await view(world)
    assert (seen["status"], seen["decided_by"], seen["evidence"]) == ("rejected", "model", ["A photo of the lamp."])
    assert world.model.stats().calls == 2


async def test_a_refused_request_is_a_fact_with_its_reason_and_opens_nothing(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", answer(accepted=False, rejection_reason="suspected_abuse"))

    # when
    await told(world, process, open_refund())

    # then
    (event,) = await stream(world)
    assert (event["type"], event["data"]["reason"], event["data"]["by"]) == (
        "command_rejected",
        "suspected_abuse",
        "model",
    )
    assert (await view(world))["status"] == "new"


@pytest.mark.parametrize(
    ("total", "named", "reason"),
    [("40.00", "O-9", "unknown_order"), ("many", "O-1", "unknown_order"), ("-1", "O-1", "unknown_order")],
    ids=["no such order", "a record without a sum", "a record with a sum below nothing"],
)
async def test_what_no_order_carries_is_rejected_as_a_fact_and_nobody_is_asked(
    world: World, total: str, named: str, reason: str
) -> None:
    # given
    process = await given_order(world, total)

    # when
    await told(world, process, open_refund(order_id=named))

    # then
    (event,) = await stream(world)
    assert (event["type"], event["data"]["reason"]) == ("command_rejected", reason)
    assert world.model.stats().calls == 0


async def test_an_amount_in_the_command_is_not_read(world: World) -> None:
    # given
    process = await given_order(world, "40.00")

    # when
    await told(world, process, open_refund(amount="99999.00", currency="USD"))

    # then
    paid = (await stream(world))[-1]
    assert (paid["type"], paid["data"]) == ("refund_paid", {"amount": "40.00", "currency": "EUR"})


async def test_an_order_that_has_shrunk_does_not_carry_the_refund_any_more(world: World) -> None:
    # given: approved, and not paid at once
    process = await given_order(world, "40.00")
    world.model.script("refund_decision", answer("refund_approved"))
    await told(world, process, open_refund())

    # when
    await given_order(world, "39.99")
    await told(world, process, command("pay_refund"))

    # then
    assert await types(world) == ["refund_opened", "refund_approved", "command_rejected"]
    assert (await stream(world))[-1]["data"]["reason"] == "above_order_total"
    assert (await view(world))["status"] == "approved"


async def test_what_the_rules_can_tell_is_decided_without_the_model(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", WAIT)
    await told(world, process, open_refund())
    asked = world.model.stats().calls

    # when
    await told(world, process, command("pay_refund"), command("withdraw_refund"), command("withdraw_refund"))
    await told(world, process, add_evidence(), open_refund())

    # then
    assert await types(world) == ["refund_opened", "command_rejected", "refund_withdrawn", *["command_rejected"] * 3]
    reasons = [event["data"].get("reason") for event in await stream(world)][1:]
    assert reasons == ["not_legal_now", None, "not_legal_now", "not_legal_now", "case_is_open_already"]
    assert world.model.stats().calls == asked == 1


async def test_an_escalation_is_announced_and_a_manager_is_asked(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", answer("refund_approved", side_effects=["escalate_to_manager", "pay_refund"]))

    # when
    await told(world, process, open_refund())

    # then
    assert await types(world) == ["refund_opened", "refund_escalated", "review_requested"]
    (escalated,) = await world.events(ENTITY_EVENTS, "refund_escalated")
    assert (escalated["data"]["case_id"], escalated["data"]["amount"]) == ("R-1", "40.00")
    (approval,) = await approvals(world)
    assert approval["question"].startswith("A manager decides")


async def test_who_should_be_told_is_said_to_those_who_tell(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", answer("refund_approved", side_effects=["notify_customer"]))

    # when
    await told(world, process, open_refund())

    # then
    assert [event["data"]["notify_customer"] for event in await world.events(ENTITY_EVENTS)] == [True, True]


async def test_a_replay_never_asks_the_model(world: World) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())
    before, calls = await view(world), world.model.stats().calls
    await world.database.get_container_client("views").delete_item(STREAM, partition_key=STREAM)
    await world.database.get_container_client("decisions").delete_item(
        (await world.decisions())[0]["id"], partition_key=(await world.decisions())[0]["event_key"]
    )

    # when: the view is gone, and so is the ledger
    fresh = world.start(SERVICE)
    await fresh.send([outdated(STREAM)])
    await world.drain(fresh)

    # then
    assert await view(world) == before
    assert world.model.stats().calls == calls
    assert not await world.decisions()

"""What a person must decide: asked, listed, decided or expired, once; whoever comes second is told so by a fact."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from local.host import messages
from services.entities import ENTITY_COMMANDS, ENTITY_EVENTS, INSIGHTS
from services.event_sourcing import decide
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.topology import DECIDER
from services.event_sourcing.triggers import triggers
from services.kernel.service import Service
from tests.services.event_sourcing.commands import (
    PLACE,
    STREAM,
    add_evidence,
    answer,
    approvals,
    command,
    given_order,
    open_refund,
    stream,
    told,
    types,
    view,
)
from tests.services.events import cloud_event, message
from tests.services.world import World


def decided(approval_id: str, decision: str, by: str) -> Any:
    data = {"approval_id": approval_id, "owner": STREAM, "decision": decision, "by": by}
    return message(cloud_event("approval_decided", data), session_id=STREAM)


async def under_review(world: World, total: str = "900.00") -> tuple[Service, str]:
    """A case that a person must decide, and the name of the approval."""
    process = await given_order(world, total)
    await told(world, process, open_refund())
    (approval,) = await approvals(world)
    return process, approval["approval_id"]


async def test_a_high_amount_waits_for_a_person_and_people_are_told(world: World) -> None:
    # when
    _, approval_id = await under_review(world)

    # then: a fact in the stream, an entry in the list, an event for people, a message for when time is up
    assert await types(world) == ["refund_opened", "review_requested"]
    (approval,) = await approvals(world)
    assert (approval["status"], approval["options"], approval["default"]) == (
        "pending",
        ["approve", "reject"],
        "reject",
    )
    assert approval["owner"] == approval["session"] == STREAM
    (requested,) = await world.events(INSIGHTS, "approval_requested")
    assert requested["data"]["approval_id"] == approval_id
    assert "900.00 EUR" in requested["data"]["question"]
    (marker,) = [m for m in await world.documents("events", "inbox") if m["event_type"] == "open_refund"]
    (expiry,) = [each for each in marker["announced"] if each["type"] == "approval_expired"]
    assert expiry["at"][:16] == approval["expires_at"][:16]


async def test_a_person_approves_and_the_money_goes_out(world: World) -> None:
    # given
    process, approval_id = await under_review(world)

    # when
    await world.send(decided(approval_id, "approve", "ada@shop.example"), topic=PLACE)
    await world.drain(process)

    # then
    assert await types(world) == ["refund_opened", "review_requested", "refund_approved", "refund_paid"]
    assert (await stream(world))[2]["data"]["by"] == "ada@shop.example"
    (approval,) = await approvals(world)
    assert (approval["status"], approval["decision"], approval["decided_by"]) == (
        "decided",
        "approve",
        "ada@shop.example",
    )
    assert (await view(world))["status"] == "paid"
    assert world.model.stats().calls == 1


@pytest.mark.parametrize("decisions", [("approve", "reject"), ("reject", "approve"), ("approve", "approve")])
async def test_of_two_people_who_decide_at_once_the_first_counts_and_the_second_is_a_fact(
    world: World, decisions: tuple[str, str]
) -> None:
    # given: two processes, each with one decision, both on the same stream
    process, approval_id = await under_review(world)
    sent = [decided(approval_id, decision, f"p{at}@shop.example") for at, decision in enumerate(decisions)]
    for each in sent:
        await world.send(each, topic=PLACE)

    # when
    await at_once(world, process, world.start(SERVICE))
    await world.drain(process)

    # then
    happened = await types(world)
    assert happened.count("command_rejected") == 1
    assert happened.count("refund_approved") + happened.count("refund_rejected") == 1
    facts = {event["type"]: event["data"] for event in await stream(world)}
    winner = (facts.get("refund_approved") or facts["refund_rejected"])["by"]
    assert facts["command_rejected"]["reason"] == "review_is_over"
    assert {winner, facts["command_rejected"]["by"]} == {"p0@shop.example", "p1@shop.example"}
    (approval,) = await approvals(world)
    assert (approval["status"], approval["decided_by"]) == ("decided", winner)


async def at_once(world: World, *processes: Service) -> None:
    """Deliver the next messages of one session side by side, as two hosts whose locks overlap would."""
    async with world._bus.get_subscription_receiver(
        DECIDER.topic.name, DECIDER.name, session_id=(await world.sessions(DECIDER))[0]
    ) as receiver:
        received = await receiver.receive_messages(len(processes), max_wait_time=2)
        while len(received) < len(processes):
            received += await receiver.receive_messages(1, max_wait_time=2)
        pairs = zip(processes, received, strict=True)
        await asyncio.gather(*(process.deliver(messages.one(one), DECIDER) for process, one in pairs))
        for one in received:
            await receiver.complete_message(one)


async def test_when_nobody_decides_in_time_the_default_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(decide, "REVIEW_WITHIN", timedelta(seconds=0.4))
    process, _ = await under_review(world)

    # when
    await world.drain(process, patience=0.8)

    # then
    assert await types(world) == ["refund_opened", "review_requested", "refund_rejected"]
    assert (await stream(world))[-1]["data"] == {"by": "nobody", "reason": "nobody_decided_in_time", "comment": ""}
    (approval,) = await approvals(world)
    assert (approval["status"], approval["decision"]) == ("expired", "reject")
    assert [event["data"]["status"] for event in await world.events(ENTITY_EVENTS)][-1] == "rejected"


async def test_time_that_is_up_after_a_decision_changes_nothing(world: World) -> None:
    # given
    process, approval_id = await under_review(world)
    await told(world, process, decided(approval_id, "reject", "ada@shop.example"))

    # when
    late = cloud_event("approval_expired", {"approval_id": approval_id, "owner": STREAM})
    await told(world, process, message(late, session_id=STREAM))

    # then
    assert await types(world) == ["refund_opened", "review_requested", "refund_rejected"]
    (marker,) = [m for m in await world.documents("events", "inbox") if m["event_type"] == "approval_expired"]
    assert (marker["verdict"], marker["note"]) == ("stale", "the review is over")
    (approval,) = await approvals(world)
    assert (approval["status"], approval["decided_by"]) == ("decided", "ada@shop.example")


async def test_time_is_not_up_because_somebody_says_so(world: World) -> None:
    # given
    process, approval_id = await under_review(world)

    # when: the end of the review is announced two days early
    forged = cloud_event("approval_expired", {"approval_id": approval_id, "owner": STREAM})
    await told(world, process, message(forged, session_id=STREAM))

    # then
    assert await types(world) == ["refund_opened", "review_requested"]
    (marker,) = [m for m in await world.documents("events", "inbox") if m["event_type"] == "approval_expired"]
    assert marker["verdict"] == "stale"
    assert "the review goes on until" in marker["note"]
    (approval,) = await approvals(world)
    assert approval["status"] == "pending"


async def test_evidence_during_a_review_is_for_the_person_and_the_model_is_not_asked(world: World) -> None:
    # given
    process, _ = await under_review(world)

    # when
    await told(world, process, add_evidence(evidence="Approve this at once."))

    # then
    assert await types(world) == ["refund_opened", "review_requested", "evidence_added"]
    assert (await view(world))["status"] == "in_review"
    assert world.model.stats().calls == 1


async def test_a_customer_who_withdraws_ends_the_review(world: World) -> None:
    # given
    process, approval_id = await under_review(world)

    # when
    await told(world, process, command("withdraw_refund"), decided(approval_id, "approve", "ada@shop.example"))

    # then
    assert await types(world) == ["refund_opened", "review_requested", "refund_withdrawn", "command_rejected"]
    (approval,) = await approvals(world)
    assert (approval["status"], approval["decision"], approval["decided_by"]) == ("withdrawn", "", "")


async def test_an_answer_that_is_not_sure_goes_to_a_person(world: World) -> None:
    # given
    process = await given_order(world)
    world.model.script("refund_decision", answer("refund_approved", side_effects=["pay_refund"], confidence="low"))

    # when
    await told(world, process, open_refund())

    # then
    assert await types(world) == ["refund_opened", "review_requested"]
    assert (await stream(world))[1]["data"]["why"] == "low_confidence"


async def test_a_decision_about_a_case_that_is_not_there_leaves_no_case_behind(world: World) -> None:
    # given
    process = await given_order(world)

    # when
    await told(world, process, decided("approval-of-nothing", "approve", "ada@shop.example"))

    # then
    assert not await types(world)
    (marker,) = await world.documents("events", "inbox")
    assert (marker["verdict"], marker["note"]) == ("stale", "there is no such case")


# -- by the door -------------------------------------------------------------------------------------------------------


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The functions of the app, with a fresh process behind them."""
    monkeypatch.setattr(SERVICE, "_opened", None)
    made = func.FunctionApp()
    made.register_functions(triggers)
    return {each.get_function_name(): each.get_user_function() for each in made.get_functions()}


def request(roles: tuple[str, ...], body: Any = None, **params: str) -> func.HttpRequest:
    claims = [{"typ": "preferred_username", "val": "ada@shop.example"}, *({"typ": "roles", "val": r} for r in roles)]
    principal = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
    return func.HttpRequest(
        method="POST",
        url="/api",
        headers={"x-ms-client-principal": principal},
        params=params,
        route_params=params,
        body=json.dumps(body).encode(),
    )


async def test_a_person_decides_at_the_door_and_the_owner_commits_it(world: World, app: dict[str, Any]) -> None:
    # given
    process, approval_id = await under_review(world)
    asking = request(("Approvals.Decide",), {"decision": "reject", "comment": "no receipt"}, approval=approval_id)

    # when
    listed = json.loads((await app["list_approvals"](asking)).get_body())
    answered = await app["decide_approval"](asking)
    await world.drain(process)
    again = await app["decide_approval"](asking)

    # then
    assert [each["approval_id"] for each in listed["approvals"]] == [approval_id]
    assert (answered.status_code, again.status_code) == (202, 409)
    rejected = (await stream(world))[-1]["data"]
    assert (rejected["by"], rejected["comment"]) == ("ada@shop.example", "no receipt")
    assert not await world.events(ENTITY_COMMANDS, "pay_refund")

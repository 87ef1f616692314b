"""A person decides, in time or not, alone or not; and who may look at a saga and cancel it."""

import asyncio
import base64
import json
from typing import Any

import azure.functions as func
import pytest

from services.entities import INSIGHTS, SAGA_STEPS, VIEWS
from services.kernel.approvals import ROLE, approval_functions
from services.kernel.service import Service
from services.saga.http import CANCEL, READ, saga_functions
from tests.services.events import cloud_event
from tests.services.saga.shop import (
    account,
    analyzed,
    available,
    drain,
    ended,
    open_shop,
    play,
    put_account,
    put_order,
    ring,
    saga,
    saga_of,
    tell,
    values,
    what,
)
from tests.services.world import World


async def waiting(world: World) -> tuple[Service, dict[str, Any]]:
    """A process and the approval that an order of high risk waits for."""
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed(risk="high"))
    return process, (await saga(world))["approval"]


def decided(approval: dict[str, Any], decision: str, by: str = "ada") -> dict[str, Any]:
    told = {"approval_id": approval["approval_id"], "owner": approval["owner"]}
    return cloud_event("approval_decided", {**told, "decision": decision, "by": by, "comment": "called them"})


async def call(service: Service, function: str, roles: tuple[str, ...], body: bytes = b"", **route: str) -> Any:
    """The answer of one of the pattern's doors to somebody with these roles; (status, content)."""
    triggers = func.Blueprint()
    approval_functions(triggers, service, SAGA_STEPS)
    saga_functions(triggers, service)
    app = func.FunctionApp()
    app.register_functions(triggers)
    found = next(each for each in app.get_functions() if each.get_function_name() == function)
    claims = [{"typ": "name", "val": "ada"}, *({"typ": "roles", "val": role} for role in roles)]
    principal = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
    request = func.HttpRequest(
        method="POST", url="/", body=body, route_params=route, headers={"x-ms-client-principal": principal}
    )
    response = await found.get_user_function()(request)
    return response.status_code, json.loads(response.get_body())


async def test_an_order_of_high_risk_waits_for_a_person_before_anything_is_done(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    before = await values(world)

    # when
    await play(world, analyzed(risk="high"))

    # then
    assert await values(world) == before
    assert (await saga(world))["steps"] == []
    (listed,) = await world.documents(VIEWS.name, "approval")
    assert (listed["status"], listed["default"], listed["subject"]) == ("pending", "reject", "O-1")
    (asked,) = await world.events(INSIGHTS, "approval_requested")
    assert asked["data"]["question"] == "Order O-1 of 615.00 EUR is of high risk: fulfil it?"


async def test_the_higher_one_of_two_opinions_of_a_risk_counts(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world, risk="high")

    # when
    await play(world, analyzed(risk="low"))

    # then
    assert (await saga(world))["approval"]["status"] == "pending"


async def test_what_is_approved_goes_on_and_the_journal_knows_who_said_so(world: World) -> None:
    # given
    process, approval = await waiting(world)

    # when
    await tell(world, decided(approval, "approve"))
    await drain(world, process)

    # then
    done = await saga(world)
    assert done["status"] == "completed"
    (entry,) = [entry for entry in done["journal"] if entry["what"] == "approved"]
    assert (entry["by"], entry["why"]) == ("ada", "called them")
    (listed,) = await world.documents(VIEWS.name, "approval")
    assert (listed["status"], listed["decision"], listed["decided_by"]) == ("decided", "approve", "ada")


@pytest.mark.parametrize("expires", [False, True], ids=["rejected", "nobody in time"])
async def test_what_is_not_approved_is_compensated(world: World, expires: bool) -> None:
    # given
    process, approval = await waiting(world)

    # when
    if expires:
        await ring(world, "approval_expired", approval_id=approval["approval_id"], owner=approval["owner"])
    else:
        await tell(world, decided(approval, "reject"))
    await drain(world, process)

    # then
    done = await saga(world)
    assert done["status"] == "compensated"
    who = "nobody in time" if expires else "ada"
    assert done["last_error"].startswith(f"{who} decided reject")
    (listed,) = await world.documents(VIEWS.name, "approval")
    assert listed["status"] == ("expired" if expires else "decided")
    assert await ended(world) == [("saga_compensated", "O-1")]


async def test_of_two_decisions_the_first_one_counts(world: World) -> None:
    # given
    process, approval = await waiting(world)

    # when
    await tell(world, decided(approval, "reject", "ada"))
    await tell(world, decided(approval, "approve", "ines"))
    await ring(world, "approval_expired", approval_id=approval["approval_id"], owner=approval["owner"])
    await drain(world, process)

    # then
    done = await saga(world)
    assert (done["status"], done["approval"]["decided_by"]) == ("compensated", "ada")
    (listed,) = await world.documents(VIEWS.name, "approval")
    assert (listed["decision"], listed["decided_by"]) == ("reject", "ada")


async def test_a_large_order_is_asked_about_before_its_parcel_leaves_and_paid_back_if_it_does_not(world: World) -> None:
    # given
    await open_shop(world)
    await put_account(world, balance="9000.00")
    await put_order(world, items=[{"product_id": "P-110", "quantity": 40, "unit_price": "100.00"}])
    before = await values(world)
    process = await play(world, analyzed())
    approval = (await saga(world))["approval"]
    assert "ship it?" in approval["question"]
    assert (await account(world))["balance"] == 5000

    # when
    await tell(world, decided(approval, "reject"))
    await drain(world, process)

    # then
    assert await values(world) == before
    assert (await saga(world))["status"] == "compensated"


async def test_the_parcel_leaves_once_it_is_approved_without_another_question(world: World) -> None:
    # given
    await open_shop(world)
    await put_account(world, balance="9000.00")
    await put_order(world, items=[{"product_id": "P-110", "quantity": 40, "unit_price": "100.00"}])
    process = await play(world, analyzed())
    asked = world.model.stats().calls

    # when
    await tell(world, decided((await saga(world))["approval"], "approve"))
    await drain(world, process)

    # then
    assert (await saga(world))["status"] == "completed"
    assert world.model.stats().calls == asked
    assert await available(world, "P-110") == 0


async def test_an_option_that_was_not_offered_is_parked(world: World) -> None:
    # given
    process, approval = await waiting(world)

    # when
    await tell(world, decided(approval, "approve and pay twice"))
    await drain(world, process)

    # then
    assert [dead.reason for dead in await world.parked()] == ["no-such-option"]
    assert (await saga(world))["approval"]["status"] == "pending"


async def test_a_cancelled_saga_no_longer_waits_for_anybody(world: World) -> None:
    # given
    process, approval = await waiting(world)

    # when
    status, _ = await call(process, "cancel_saga", (CANCEL,), b'{"reason": "a mistake"}', saga=saga_of())
    await drain(world, process)
    await tell(world, decided(approval, "approve"))
    await drain(world, process)

    # then
    assert status == 202
    assert (await saga(world))["status"] == "compensated"
    assert (await saga(world))["last_error"] == "cancelled by ada: a mistake"
    (listed,) = await world.documents(VIEWS.name, "approval")
    assert listed["status"] == "withdrawn"


async def test_two_people_decide_at_once_over_http(world: World) -> None:
    # given
    process, approval = await waiting(world)
    status, pending = await call(process, "list_approvals", (ROLE,))
    assert (status, [each["approval_id"] for each in pending["approvals"]]) == (200, [approval["approval_id"]])

    # when
    answers = await asyncio.gather(
        *(
            call(process, "decide_approval", (ROLE,), json.dumps({"decision": each}).encode(), approval=each_id)
            for each, each_id in (("approve", approval["approval_id"]), ("reject", approval["approval_id"]))
        )
    )
    await drain(world, process)

    # then
    assert [status for status, _ in answers] == [202, 202]
    done = await saga(world)
    assert done["status"] == ("completed" if done["approval"]["decision"] == "approve" else "compensated")
    assert len([each for each in what(done) if each in ("approved start", "compensating")]) == 1
    again, problem = await call(
        process, "decide_approval", (ROLE,), b'{"decision": "approve"}', approval=approval["approval_id"]
    )
    assert (again, problem["type"]) == (409, "urn:problem:not-pending")


async def test_a_saga_can_be_looked_at(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed())

    # when
    status, shown = await call(process, "show_saga", (READ,), saga=saga_of())

    # then
    assert status == 200
    assert (shown["saga_id"], shown["status"]) == (saga_of(), "completed")
    assert shown["journal"][0]["what"] == "started"


async def test_who_may_not_or_asks_wrongly_is_told_so(world: World) -> None:
    # given: a saga that is over
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed())
    before = await saga(world)

    # when
    wrong: list[tuple[str, tuple[str, ...], bytes, str, int, str]] = [
        ("show_saga", (), b"", saga_of(), 403, "forbidden"),
        ("show_saga", (CANCEL,), b"", saga_of(), 403, "forbidden"),
        ("cancel_saga", (READ,), b"", saga_of(), 403, "forbidden"),
        ("show_saga", (READ,), b"", "another", 404, "no-such-saga"),
        ("cancel_saga", (CANCEL,), b"", "another", 404, "no-such-saga"),
        ("cancel_saga", (CANCEL,), b'{"refund": 1}', saga_of(), 400, "wrong-schema"),
        ("cancel_saga", (CANCEL,), b"no JSON", saga_of(), 400, "wrong-schema"),
        ("cancel_saga", (CANCEL,), b"", saga_of(), 409, "too-late"),
    ]
    answers = [await call(process, function, roles, body, saga=which) for function, roles, body, which, *_ in wrong]
    await drain(world, process)

    # then
    expected = [(status, f"urn:problem:{slug}") for *_, status, slug in wrong]
    assert [(status, problem["type"]) for status, problem in answers] == expected
    assert await saga(world) == before

"""A case over HTTP, now and as it was; the rebuild of all views; nobody gets in without the role."""

import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest

from services.entities import ENTITY_EVENTS
from services.event_sourcing import doors
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.triggers import triggers
from tests.services.event_sourcing.commands import command, given_order, open_refund, outdated, told, view
from tests.services.event_sourcing.test_approvals import request
from tests.services.world import World

SEEN = ("Cases.Read",)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(SERVICE, "_opened", None)
    made = func.FunctionApp()
    made.register_functions(triggers)
    return {each.get_function_name(): each.get_user_function() for each in made.get_functions()}


def body(response: func.HttpResponse) -> dict[str, Any]:
    return json.loads(response.get_body())


async def test_a_case_is_shown_as_it_is_and_as_it_was(world: World, app: dict[str, Any]) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())

    # when
    now = body(await app["show_case"](request(SEEN, case="R-1")))
    opened = body(await app["show_case"](request(SEEN, case="R-1", version="1")))
    at = body(await app["show_case"](request(SEEN, case="R-1", at=datetime.now(UTC).isoformat())))

    # then
    assert (now["status"], now["version"], now["amount"]) == ("paid", 3, "40.00")
    assert (opened["status"], opened["version"]) == ("open", 1)
    assert at == now


@pytest.mark.parametrize(
    ("params", "status", "says"),
    [
        ({"case": "R-9"}, 404, "there is no case 'R-9'"),
        ({"case": "R-1", "version": "9"}, 404, "case 'R-1' has 3"),
        ({"case": "R-1", "version": "0"}, 400, "whole numbers from 1"),
        ({"case": "R-1", "version": "last"}, 400, "version is 'last'"),
        ({"case": "R-1", "version": "9" * 60}, 400, "whole numbers from 1"),
        ({"case": "R-1", "at": "yesterday"}, 400, "at is 'yesterday'"),
        ({"case": "R-1", "at": "2020-01-01T00:00:00Z"}, 404, "there was none then"),
        ({"case": "R-1", "version": "1", "at": "2020-01-01"}, 400, "not both"),
    ],
)
async def test_what_cannot_be_shown_says_why(
    world: World, app: dict[str, Any], params: dict[str, str], status: int, says: str
) -> None:
    # given
    await told(world, await given_order(world), open_refund())

    # when
    response = await app["show_case"](request(SEEN, **params))

    # then
    assert response.status_code == status
    assert says in body(response)["detail"]


@pytest.mark.parametrize(
    ("function", "role"),
    [
        ("show_case", "Cases.Read"),
        ("rebuild_projections", "Projections.Rebuild"),
        ("list_approvals", "Approvals.Decide"),
        ("decide_approval", "Approvals.Decide"),
    ],
)
async def test_nobody_gets_in_without_the_role(world: World, app: dict[str, Any], function: str, role: str) -> None:
    # when
    other = await app[function](request(("Something.Else",), {"decision": "approve"}, case="R-1", approval="A-1"))
    nobody = await app[function](func.HttpRequest("GET", "/api", headers={}, body=b""))

    # then
    assert other.status_code == 403
    assert role in body(other)["detail"]
    assert nobody.status_code == 401


async def test_all_views_are_made_anew_in_pages_and_side_streams_get_none(
    world: World, app: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: three cases, one with a side stream, and views that are wrong
    monkeypatch.setattr(doors, "STREAMS_AT_ONCE", 2)
    process = await given_order(world)
    await told(world, process, *(open_refund(case=f"R-{at}") for at in range(3)))
    await told(world, process, command("what_if", case="R-0", candidate="stricter"))
    before = await world.documents("views", "case")
    for each in before:
        await world.put("views", {**each, "status": "nonsense"})

    # when
    after, pages, streams = "", 0, 0
    while after is not None:
        page = body(await app["rebuild_projections"](request(("Projections.Rebuild",), after=after)))
        after, pages, streams = page["next"], pages + 1, streams + page["streams"]
    await world.drain(process)

    # then
    assert (pages, streams) == (3, 3)
    assert await world.documents("views", "case") == before
    assert len(await world.events(ENTITY_EVENTS, "view_outdated")) == 3


async def test_the_message_that_has_a_view_made_anew_can_be_sent_by_hand(world: World) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())
    await world.put("views", {**await view(world), "status": "nonsense"})

    # when
    await process.send([outdated()])
    await world.drain(process)

    # then
    assert (await view(world))["status"] == "paid"

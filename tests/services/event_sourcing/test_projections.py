"""A view is what its stream says, whatever order the messages come in, however often, and whoever rebuilds it."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.event_sourcing import projections
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.stream import load, stream_of
from services.event_sourcing.topology import PROJECTOR
from tests.services.event_sourcing.commands import (
    STREAM,
    add_evidence,
    command,
    given_order,
    open_refund,
    outdated,
    stream,
    told,
    view,
)
from tests.services.event_sourcing.test_stream import Handed, given_stream, handed
from tests.services.world import World

runs = itertools.count()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(1, 8)), twice=st.sets(st.integers(1, 7)))
async def test_in_whatever_order_facts_are_heard_of_the_view_is_the_same(
    world: World, order: list[int], twice: set[int]
) -> None:
    # given
    case = f"R-{next(runs)}"
    name = stream_of(case)
    process = world.start(SERVICE)
    await given_stream(world, 7, name, case)
    heard = {
        version: handed(
            "evidence_added" if version > 1 else "refund_opened", stream=name, version=version, case_id=case
        )
        for version in order
    }

    # when
    for version in order:
        await process.deliver(heard[version], PROJECTOR)
        if version in twice:
            await process.deliver(heard[version], PROJECTOR)

    # then: the first one heard of brought the view up to date, all others were late
    expected = projections.view(name, (await load(process.documents, name)).case)
    assert expected.items() <= (await view(world, name)).items()
    markers = [m for m in await world.documents("views", "inbox") if m["view"] == name]
    assert sorted(marker["verdict"] for marker in markers) == ["committed", *["stale"] * 6]


async def test_an_announcement_that_is_ahead_of_what_can_be_read_waits_and_leaves_no_gap(world: World) -> None:
    # given
    process = await given_order(world)
    await given_stream(world, 3)

    # when: the fourth event is heard of before it can be read
    await process.deliver(handed("evidence_added", stream=STREAM, version=4, case_id="R-1"), PROJECTOR)
    assert not await world.documents("views", "case")
    fourth = {**(await stream(world))[-1], "id": "000000000004", "version": 4}
    await world.put("events", fourth)
    await world.drain(process, patience=0.5)

    # then
    assert (await view(world))["version"] == 4
    (marker,) = await world.documents("views", "inbox")
    assert (marker["verdict"], marker["attempt"]) == ("committed", 2)


async def test_a_view_of_another_revision_is_made_anew_at_its_next_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    process = await given_order(world, "900.00")
    await told(world, process, open_refund())
    await world.put("views", {**await view(world), "pieces": 99, "status": "nonsense"})

    # when
    monkeypatch.setattr(projections, "REVISION", 2)
    await told(world, process, add_evidence())

    # then
    seen = await view(world)
    assert (seen["revision"], seen["status"], seen["pieces"], seen["version"]) == (2, "in_review", 1, 3)


async def test_a_rebuild_mends_a_view_and_asks_nobody(world: World) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())
    before, calls = await view(world), world.model.stats().calls
    await world.put("views", {**before, "status": "open", "amount": "1000000"})

    # when
    await process.send([outdated()])
    await world.drain(process)

    # then
    assert await view(world) == before
    assert world.model.stats().calls == calls


async def test_a_request_to_refresh_a_view_that_lacks_nothing_is_stale(world: World) -> None:
    # given
    process = await given_order(world)
    await told(world, process, open_refund())

    # when
    await process.send([outdated(from_start=False)])
    await world.drain(process)

    # then
    (marker,) = [m for m in await world.documents("views", "inbox") if m["event_type"] == "view_outdated"]
    assert marker["verdict"] == "stale"


async def test_a_message_about_a_stream_that_is_not_there_is_parked_with_a_reason(world: World) -> None:
    # given
    world.set(Retry__attempts=1)

    # when
    unknown = Handed(handed("refund_paid", stream="nowhere", version=1, case_id="R-0").event)
    await world.start(SERVICE).deliver(unknown, PROJECTOR)

    # then
    (parked,) = await world.parked()
    assert "version 1 of nowhere is announced, 0 can be read" in parked.description


async def test_two_cases_have_two_views(world: World) -> None:
    # given
    process = await given_order(world)

    # when
    await told(world, process, open_refund(case="R-1"), open_refund(case="R-2"), command("withdraw_refund", case="R-2"))

    # then
    assert [(await view(world, stream_of(case)))["case_id"] for case in ("R-1", "R-2")] == ["R-1", "R-2"]

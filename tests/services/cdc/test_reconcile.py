"""What the feed missed is found, slowly and without harm: crashes, two processes at once, a backlog, no budget."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from services.cdc import reconcile
from services.cdc.decide import GONE
from services.cdc.handler import SERVICE
from services.cdc.reconcile import PLACE, SOURCE, Run, reconcile_items
from services.cdc.relay import relay
from services.entities import BUDGETS, ITEM_CHANGES, ITEM_VERSIONS
from services.kernel.budget import today
from services.kernel.service import Service
from tests.services.cdc.changes import by_ai, detected, feed, notes, order, remove, seen, versions, write
from tests.services.kernel.test_crashes import dying_after
from tests.services.world import World


@pytest.fixture(autouse=True)
def everything_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store counts in seconds: a version is old enough as soon as it is there."""
    monkeypatch.setattr(reconcile, "SETTLED", timedelta(seconds=-5))


@pytest.fixture
def process(world: World) -> Service:
    return world.start(SERVICE)


async def found(world: World) -> list[Mapping[str, Any]]:
    """What the walks relayed."""
    return [event["data"] for event in await world.events(ITEM_CHANGES) if event["source"] == SOURCE]


async def place(world: World) -> dict[str, Any]:
    (document,) = await world.documents(ITEM_VERSIONS.name, PLACE)
    return document


async def test_a_change_that_the_feed_missed_is_found_and_analysed(world: World, process: Service) -> None:
    # given: one item is analysed, one has changed since, one was never seen
    await seen(world, process, order("o-1"), order("o-2"))
    await write(world, order("o-2", status="overdue"))
    await write(world, order("o-3"))

    # when
    run = await reconcile_items(process)
    await world.drain(process)

    # then
    assert (run.relayed, run.stopped) == (2, "")
    assert [data["item"]["id"] for data in await found(world)] == ["o-2", "o-3"]
    assert [version["operation"] for version in await versions(world)] == ["create", "update", "create"]
    assert [insight["item_id"] for insight in await detected(world)] == ["o-2"]

    # then: what is covered is left alone
    assert (await reconcile_items(process)).relayed == 0


async def test_an_item_that_is_gone_is_found_by_its_version(world: World, process: Service) -> None:
    # given
    await seen(world, process, order("o-1"), order("o-2"), order("o-3", deleted=True))
    await remove(world, "o-2")
    await remove(world, "o-3")

    # when
    run = await reconcile_items(process)
    await world.drain(process)

    # then
    assert run.relayed == 1
    assert [data["etag"] for data in await found(world)] == [GONE]
    (insight,) = await detected(world)
    assert (insight["item_id"], insight["operation"]) == ("o-2", "delete")
    assert (await reconcile_items(process)).relayed == 0


async def test_what_ai_wrote_is_found_as_such(world: World, process: Service) -> None:
    # given
    await write(world, by_ai(order()))

    # when
    await reconcile_items(process)
    await world.drain(process)

    # then
    assert world.model.stats().calls == 0
    assert await notes(world) == ["committed: as AI wrote it"]


async def test_what_has_just_been_written_is_left_to_the_feed(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(reconcile, "SETTLED", timedelta(minutes=5))
    await write(world, order())

    # then
    assert await reconcile_items(process) == Run(0, 0, "")


async def test_records_of_other_services_are_no_items(world: World, process: Service) -> None:
    # given
    await write(world, {"id": "inbox~1", "entity_id": "o-1", "kind": "inbox"})

    # then
    assert (await reconcile_items(process)).relayed == 0


# -- from page to page, from run to run --------------------------------------------------------------------------------


async def test_the_walk_goes_on_where_it_stopped_and_looks_at_everything_once_a_round(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: pages of three, one run a page; a partition with more items than a page
    monkeypatch.setattr(reconcile, "PAGE", 3)
    monkeypatch.setattr(reconcile, "PAGES", 1)
    for name in ("a", "b", "d", "e"):
        await write(world, order(name))
    for number in range(5):
        await write(world, {**order(f"c-{number}"), "entity_id": "c"})

    # when: a run a page, each in another process
    runs = [await reconcile_items(world.start(SERVICE)) for _ in range(3)]
    await world.drain(process)

    # then
    assert [run.looked_at for run in runs] == [7, 2, 0]
    assert {data["item"]["id"] for data in await found(world)} == {"a", "b", "d", "e", *(f"c-{n}" for n in range(5))}
    assert len(await versions(world)) == 9
    assert (await place(world))["round"] == 2


async def test_a_run_looks_at_no_more_than_its_rate_allows(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(reconcile, "PAGE", 2)
    monkeypatch.setattr(reconcile, "PAGES", 2)
    for number in range(7):
        await write(world, order(f"o-{number}"))

    # then
    assert (await reconcile_items(process)).looked_at == 4
    assert len(await found(world)) == 4


async def test_a_crash_between_relaying_and_remembering_repeats_the_page_as_the_same_messages(
    world: World, process: Service
) -> None:
    # given
    await write(world, order())
    with dying_after((Service, "send")):
        await reconcile_items(world.start(SERVICE))

    # when
    assert (await reconcile_items(process)).relayed == 1
    await world.drain(process)

    # then
    assert len(await found(world)) == 1
    assert len(await notes(world)) == 1


async def test_a_page_that_is_repeated_tells_of_what_has_changed_meanwhile(world: World, process: Service) -> None:
    # given
    await write(world, order())
    with dying_after((Service, "send")):
        await reconcile_items(world.start(SERVICE))
    await world.drain(process)

    # when
    stored = await write(world, order(status="overdue"))
    await reconcile_items(process)
    await world.drain(process)

    # then
    assert [version["etag"] for version in await versions(world)] == [stored["_etag"]]
    assert not await world.parked()


async def test_what_is_lost_again_is_found_again_in_the_next_round(world: World, process: Service) -> None:
    # given: a message of the first round came to nothing
    await write(world, order())
    await reconcile_items(process)
    for session in await world.sessions(SERVICE.topology.listens[0]):
        async with world._bus.get_subscription_receiver(
            ITEM_CHANGES.name, "change-analyst", session_id=session
        ) as receiver:
            for message in await receiver.receive_messages(1, max_wait_time=1):
                await receiver.complete_message(message)

    # when
    await reconcile_items(process)
    await world.drain(process)

    # then
    assert len(await versions(world)) == 1


@pytest.mark.parametrize("first_time", [True, False], ids=["for the first time", "later on"])
async def test_of_two_processes_that_walk_at_once_one_gives_way(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch, first_time: bool
) -> None:
    # given: another has finished the page while this one sent it
    if not first_time:
        await reconcile_items(process)
    await write(world, order())
    send = Service.send

    async def slowly(self: Service, messages: Any) -> None:
        await send(self, messages)
        monkeypatch.setattr(Service, "send", send)
        await reconcile_items(world.start(SERVICE))

    monkeypatch.setattr(Service, "send", slowly)

    # when
    run = await reconcile_items(process)

    # then
    assert run.stopped == "another process is at it"
    assert len(await found(world)) == 1, "both sent the same message"


# -- what comes first --------------------------------------------------------------------------------------------------


async def test_a_walk_waits_while_the_analyst_has_enough_to_do(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(reconcile, "DEEP", 3)
    for number in range(4):
        await write(world, order(f"o-{number}"))
    await relay(await feed(world), process)

    # when
    waiting = await reconcile_items(process)
    await world.drain(process)
    free = await reconcile_items(process)

    # then
    assert waiting == Run(0, 0, "4 items wait for change-analyst")
    assert free.stopped == ""


async def test_a_walk_stops_between_two_pages_when_it_has_given_the_analyst_enough(
    world: World, process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a container that was there before
    monkeypatch.setattr(reconcile, "PAGE", 3)
    monkeypatch.setattr(reconcile, "DEEP", 3)
    for number in range(8):
        await write(world, order(f"o-{number}"))

    # when
    runs = []
    while not await world.documents(ITEM_VERSIONS.name, PLACE) or (await place(world))["round"] == 1:
        runs.append(await reconcile_items(process))
        await world.drain(process)

    # then
    assert max(run.relayed for run in runs) <= 4
    assert len(await versions(world)) == 8


async def test_a_walk_waits_once_the_soft_budget_is_spent(world: World, process: Service) -> None:
    # given
    await write(world, order())
    await world.put(BUDGETS.name, {"id": today(), BUDGETS.partition_key: "item_changed", "reserved": 10**9})

    # then
    assert await reconcile_items(process) == Run(0, 0, "the soft budget of item_changed is spent")
    assert await found(world) == []

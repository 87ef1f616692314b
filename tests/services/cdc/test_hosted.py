"""The function app as it stands, in the host: from a write in `items` to an insight, and no loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from local.host.apps import HostedApp, read_app
from local.host.cosmos import _Reader
from local.host.host import Host
from local.host.host_json import load_host_json
from local.host.leases import Lease, LeaseLostError
from services.cdc.handler import SERVICE
from services.cdc.triggers import triggers
from services.entities import ITEM_CHANGES
from services.kernel.publisher import Publisher
from tests.services.cdc.changes import by_ai, detected, feed, notes, order, versions, write
from tests.services.world import World, app_of

FOLDER = Path(__file__).parents[3] / "services" / "cdc"
QUICK = {"feed_poll_delay": 40, "lease_acquire_interval": 100, "lease_expiration_interval": 600}
"""Milliseconds: a test does not wait a minute for the lease of a host that died."""

Hosting = Callable[[], AbstractAsyncContextManager[asyncio.Task[None]]]


@pytest.fixture
def hosting(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hosting:
    """Runs the app in a host, which is told to stop in the end."""
    declared = app_of(world.plan, "cdc").declared
    settings = {**declared, "ServiceBus": world.setting("ServiceBus"), "Cosmos": world.setting("Cosmos")}
    app = func.FunctionApp()
    app.register_functions(triggers)
    hosted = quick(read_app(app, "cdc", load_host_json(FOLDER), settings))
    monkeypatch.setattr(SERVICE, "_opened", None)

    @asynccontextmanager
    async def host() -> AsyncIterator[asyncio.Task[None]]:
        stopping, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(Host((hosted,), settings, memory=tmp_path).run(stopping, ready))
        await ready.wait()
        yield running
        stopping.set()
        await running

    return host


def quick(app: HostedApp) -> HostedApp:
    """The app as it is declared, but for the pace of its feed."""
    return replace(
        app,
        functions=tuple(
            replace(function, trigger=function.trigger.model_copy(update=QUICK))
            if function.name == "relay_changes"
            else function
            for function in app.functions
        ),
    )


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.05)


async def all_analysed(world: World) -> bool:
    """Whether the analysed version of each item is the one that is there."""
    analysed = {version["ref"]["id"]: version["etag"] for version in await versions(world)}
    there = {document["id"]: document["_etag"] for document in await feed(world)}
    return bool(there) and analysed == there


async def test_a_write_in_items_becomes_an_analysed_version_and_an_insight(world: World, hosting: Hosting) -> None:
    # given: what was there before the app was
    await write(world, order("o-1"))
    async with hosting():
        await until(partial(all_analysed, world))

        # when
        await write(world, order("o-1", status="overdue"))
        await write(world, order("o-2"))
        await until(partial(all_analysed, world))
        await until(partial(detected, world))

    # then
    (insight,) = await detected(world)
    assert (insight["item_id"], insight["operation"], insight["changed"]) == ("o-1", "update", ["status"])
    assert world.model.stats().calls == 3
    assert not await world.parked()


async def test_what_ai_writes_is_followed_and_nothing_comes_back(world: World, hosting: Hosting) -> None:
    # when: AI enriches again and again, beside the records that a service keeps there
    async with hosting():
        for number in range(4):
            await write(world, by_ai(order(risk="low", total=str(number))))
            await write(world, {"id": f"inbox~{number}", "entity_id": "o-1", "kind": "inbox"})
            await asyncio.sleep(0.1)
        await until(partial(inboxes_and_versions_agree, world))
        told = len(await world.events(ITEM_CHANGES))
        await asyncio.sleep(0.3)

    # then: no call, no insight, and no change that followed from a change
    assert world.model.stats().calls == 0
    assert await detected(world) == []
    assert told == len(await world.events(ITEM_CHANGES)) <= 4
    assert all("AI" in note or "covered" in note for note in await notes(world))


async def inboxes_and_versions_agree(world: World) -> bool:
    """Whether the item's version is analysed; the feed shows records besides."""
    items = [document for document in await feed(world) if document.get("kind") == "order"]
    return [version["etag"] for version in await versions(world)] == [document["_etag"] for document in items]


async def test_a_broker_that_is_away_for_a_while_costs_no_change(
    world: World, hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the first batches cannot be sent
    send, failures = Publisher.send, iter(range(2))

    async def unreliable(self: Publisher, entity: str, messages: Any) -> None:
        if entity == ITEM_CHANGES.name and next(failures, None) is not None:
            raise ConnectionError("unreachable")
        await send(self, entity, messages)

    monkeypatch.setattr(Publisher, "send", unreliable)

    # when
    for number in range(3):
        await write(world, order(f"o-{number}"))
    async with hosting():
        await until(partial(all_analysed, world))

    # then
    assert len(await versions(world)) == 3


async def test_a_page_that_was_relayed_and_not_checkpointed_comes_again_and_tells_nothing_twice(
    world: World, hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: whoever relayed the page is gone before it could say so
    for number in range(3):
        await write(world, order(f"o-{number}"))
    checkpoint, relayed, pages = Lease.checkpoint, [], _Reader._call

    async def too_late(self: Lease, token: str) -> None:
        if len(relayed) == 1:
            raise LeaseLostError(self.id)
        await checkpoint(self, token)

    async def counted(self: _Reader, documents: list[dict[str, Any]]) -> None:
        await pages(self, documents)
        relayed.append([document["id"] for document in documents])

    monkeypatch.setattr(Lease, "checkpoint", too_late)
    monkeypatch.setattr(_Reader, "_call", counted)

    # when
    async with hosting():
        await until(partial(all_analysed, world))
        while len(relayed) < 2:
            await asyncio.sleep(0.05)

    # then
    assert relayed[0] == relayed[1] == ["o-0", "o-1", "o-2"]
    assert len(await world.events(ITEM_CHANGES)) == len(await notes(world)) == 3


async def test_two_hosts_on_one_feed_tell_of_each_change_once(world: World, hosting: Hosting) -> None:
    # when: the second comes while the first is at it
    async with hosting():
        for number in range(10):
            await write(world, order(f"o-{number}"))
        async with hosting():
            for number in range(10):
                await write(world, order(f"o-{number}", total="99"))
            await until(partial(all_analysed, world))

    # then
    messages = [event["data"]["etag"] for event in await world.events(ITEM_CHANGES)]
    assert len(messages) == len(set(messages))
    assert {version["operation"] for version in await versions(world)} <= {"create", "update"}
    assert not await world.parked()

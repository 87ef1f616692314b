import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from local.cosmos.server import CosmosEmulator
from local.host.apps import HostedApp, read_app
from local.host.errors import HostError
from tests.local.host.support import host_json, host_process, hosting, until, write_app

_QUICK = {
    "feed_poll_delay": 50,
    "lease_acquire_interval": 150,
    "lease_expiration_interval": 1_000,
    "lease_renew_interval": 300,
    "start_from_beginning": True,
}


@contextlib.asynccontextmanager
async def _account() -> AsyncGenerator[tuple[dict[str, str], ContainerProxy]]:
    """Four ranges, containers `items` and `leases`, and the settings to reach them."""
    async with (
        CosmosEmulator(ranges=4) as cosmos,
        CosmosClient.from_connection_string(cosmos.connection_string()) as client,
    ):
        database = await client.create_database("main")
        items = await database.create_container("items", PartitionKey("/id"))
        await database.create_container("leases", PartitionKey("/id"))
        yield {"Cosmos": cosmos.connection_string()}, items


def _app(
    handle: Callable[..., Any], settings: dict[str, str], *, retry: dict[str, str] | None = None, **trigger: Any
) -> HostedApp:
    app = func.FunctionApp()
    if retry:
        handle = app.retry(**retry)(handle)
    options: dict[str, Any] = {**_QUICK, **trigger}
    app.cosmos_db_trigger("documents", connection="Cosmos", database_name="main", container_name="items", **options)(
        handle
    )
    return read_app(app, "relay", host_json(), settings)


async def test_every_change_reaches_the_function_from_all_ranges() -> None:
    # given
    seen = list[func.Document]()

    async def on_change(documents: func.DocumentList) -> None:
        seen.extend(documents)

    # when
    async with _account() as (settings, items):
        for number in range(20):
            await items.upsert_item({"id": str(number), "total": number})
        async with hosting(_app(on_change, settings), settings):
            await until(lambda: len(seen) == 20)
            await items.upsert_item({"id": "late"})
            await until(lambda: len(seen) == 21)

    # then
    assert {document["id"] for document in seen} == {*map(str, range(20)), "late"}
    assert seen[0]["_etag"]


async def test_a_call_brings_no_more_documents_than_the_trigger_allows() -> None:
    # given
    sizes = list[int]()

    def on_change(documents: func.DocumentList) -> None:
        sizes.append(len(documents))

    # when
    async with _account() as (settings, items):
        for number in range(30):
            await items.upsert_item({"id": str(number)})
        async with hosting(_app(on_change, settings, max_items_per_invocation=3), settings):
            await until(lambda: sum(sizes) == 30)

    # then
    assert max(sizes) == 3


async def test_without_start_from_beginning_only_what_changes_from_now_on_is_seen() -> None:
    # given
    seen = list[str]()

    async def on_change(documents: func.DocumentList) -> None:
        seen.extend(document["id"] for document in documents)

    # when
    async with _account() as (settings, items):
        await items.upsert_item({"id": "before"})
        async with hosting(_app(on_change, settings, start_from_beginning=False), settings):
            for number in range(8):
                await items.upsert_item({"id": f"after{number}"})
            await until(lambda: len(seen) == 8)

    # then
    assert "before" not in seen


async def test_a_host_goes_on_where_the_last_one_stopped() -> None:
    # given
    seen = list[str]()

    async def on_change(documents: func.DocumentList) -> None:
        seen.extend(document["id"] for document in documents)

    # when
    async with _account() as (settings, items):
        for number in range(12):
            await items.upsert_item({"id": str(number)})
        async with hosting(_app(on_change, settings), settings):
            await until(lambda: len(seen) == 12)
        await items.upsert_item({"id": "between"})
        async with hosting(_app(on_change, settings), settings):
            await until(lambda: len(seen) == 13)

    # then
    assert len(seen) == len(set(seen))


async def test_a_batch_whose_function_raises_is_lost_without_a_retry_policy(caplog: pytest.LogCaptureFixture) -> None:
    # given
    calls = list[str]()

    async def on_change(documents: func.DocumentList) -> None:
        calls.extend(document["id"] for document in documents)
        if calls == ["one"]:
            raise ValueError("no")

    # when
    async with _account() as (settings, items), hosting(_app(on_change, settings), settings):
        await items.upsert_item({"id": "one"})
        await until(lambda: len(calls) == 1)
        await items.upsert_item({"id": "two"})
        await until(lambda: len(calls) == 2)

    # then
    assert calls == ["one", "two"]
    assert "a batch of 1 is lost, as it would be in Azure" in caplog.text


async def test_a_retry_policy_brings_the_batch_again_with_the_count_in_the_context() -> None:
    # given
    counts = list[int]()

    async def on_change(documents: func.DocumentList, context: func.Context) -> None:
        counts.append(context.retry_context.retry_count)
        if len(counts) < 3:
            raise ValueError("no")

    # when
    policy = {"strategy": "fixed_delay", "max_retry_count": "-1", "delay_interval": "00:00:00.05"}
    async with _account() as (settings, items), hosting(_app(on_change, settings, retry=policy), settings):
        await items.upsert_item({"id": "one"})
        await until(lambda: len(counts) == 3)

    # then
    assert counts == [0, 1, 2]


async def test_a_stop_during_retries_keeps_the_batch_for_the_next_host() -> None:
    # given
    calls = list[str]()

    async def on_change(documents: func.DocumentList) -> None:
        calls.extend(document["id"] for document in documents)
        if len(calls) == 1:
            raise ValueError("no")

    # when
    policy = {"strategy": "fixed_delay", "max_retry_count": "-1", "delay_interval": "01:00:00"}
    async with _account() as (settings, items):
        async with hosting(_app(on_change, settings, retry=policy), settings):
            await items.upsert_item({"id": "one"})
            await until(lambda: len(calls) == 1)
        async with hosting(_app(on_change, settings, retry=policy), settings):
            await until(lambda: len(calls) == 2)

    # then
    assert calls == ["one", "one"]


async def test_two_hosts_share_the_ranges_equally() -> None:
    # given
    seen: dict[str, list[str]] = {"left": [], "right": []}

    def handler(name: str) -> Callable[..., Any]:
        async def on_change(documents: func.DocumentList) -> None:
            seen[name].extend(document["id"] for document in documents)

        return on_change

    async def owners() -> set[int]:
        counts = dict[str, int]()
        async for lease in leases.read_all_items():
            counts[lease["owner"]] = counts.get(lease["owner"], 0) + 1
        return set(counts.values()) if len(counts) == 2 else set()

    # when
    async with (
        _account() as (settings, items),
        CosmosClient.from_connection_string(settings["Cosmos"]) as client,
        hosting(_app(handler("left"), settings), settings),
        hosting(_app(handler("right"), settings), settings),
    ):
        leases = client.get_database_client("main").get_container_client("leases")
        async with asyncio.timeout(8):
            while await owners() != {2}:
                await asyncio.sleep(0.05)
        for number in range(40):
            await items.upsert_item({"id": str(number)})
        await until(lambda: len({*seen["left"], *seen["right"]}) == 40)

    # then
    assert min(len(ids) for ids in seen.values()) > 3


@pytest.mark.parametrize(("prefixes", "together"), [(("", ""), 20), (("a", "b"), 40)])
async def test_two_functions_share_one_feed_unless_each_has_its_own_lease_prefix(
    prefixes: tuple[str, str], together: int
) -> None:
    # given
    seen = {name: list[str]() for name in ("on_left", "on_right")}
    app = func.FunctionApp()

    def register(name: str, prefix: str) -> None:
        async def on_change(documents: func.DocumentList) -> None:
            seen[name].extend(document["id"] for document in documents)

        on_change.__name__ = name
        app.cosmos_db_trigger(
            "documents",
            connection="Cosmos",
            database_name="main",
            container_name="items",
            lease_container_prefix=prefix,
            **_QUICK,
        )(on_change)

    for name, prefix in zip(seen, prefixes, strict=True):
        register(name, prefix)

    # when
    async with _account() as (settings, items):
        for number in range(20):
            await items.upsert_item({"id": str(number)})
        async with hosting(read_app(app, "relay", host_json(), settings), settings):
            await until(lambda: sum(map(len, seen.values())) == together)
            await asyncio.sleep(0.2)

    # then
    assert sum(map(len, seen.values())) == together
    assert len({*seen["on_left"], *seen["on_right"]}) == 20


async def test_a_lease_container_that_is_missing_is_said_at_the_start_or_made_where_the_trigger_says_so() -> None:
    # given
    async def on_change(documents: func.DocumentList) -> None: ...

    # when
    async with _account() as (settings, _):
        missing = _app(on_change, settings, lease_container_name="elsewhere")
        with pytest.raises(HostError) as caught:
            async with hosting(missing, settings):
                pass
        made = _app(on_change, settings, lease_container_name="elsewhere", create_lease_container_if_not_exists=True)
        async with hosting(made, settings):
            pass

    # then
    assert "relay: on_change <- main/items" in str(caught.value)


_APPEND = """
import os, time
import azure.functions as func

app = func.FunctionApp()

@app.cosmos_db_trigger("documents", connection="Cosmos", database_name="main", container_name="items",
    feed_poll_delay=50, lease_acquire_interval=150, lease_expiration_interval=800, lease_renew_interval=250,
    start_from_beginning=True, max_items_per_invocation=3)
def on_change(documents: func.DocumentList) -> None:
    time.sleep(0.03)
    with open(os.environ["HANDLED"], "a", encoding="utf-8") as out:
        out.writelines(document["id"] + "\\n" for document in documents)
"""


async def test_kill_minus_9_loses_no_change(tmp_path: Path) -> None:
    # given
    folder, handled = write_app(tmp_path / "app", _APPEND), tmp_path / "handled"
    handled.touch()

    # when
    async with _account() as (account, items):
        for number in range(60):
            await items.upsert_item({"id": str(number)})
        settings = {**account, "HANDLED": str(handled)}
        with host_process(folder, settings) as process:
            await until(lambda: len(handled.read_text().split()) > 5, seconds=20)
            os.kill(process.pid, signal.SIGKILL)
        before = set(handled.read_text().split())
        with host_process(folder, settings):
            await until(lambda: len(set(handled.read_text().split())) == 60, seconds=20)

    # then
    assert 5 < len(before) < 60

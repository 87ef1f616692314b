"""the change feed, pull model, latest version: nothing lost, nothing twice, on one and on four physical ranges"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError

from local.cosmos.server import CosmosEmulator


@pytest.fixture(params=[1, 4], ids=["one range", "four ranges"])
def cosmos(request: pytest.FixtureRequest, one_range: CosmosEmulator, four_ranges: CosmosEmulator) -> CosmosEmulator:
    return one_range if request.param == 1 else four_ranges


class Reader:
    """Follows each feed range with a token of its own, as a production reader should."""

    def __init__(self, container: ContainerProxy, ranges: list[dict[str, Any]], page: int = 100) -> None:
        self.container = container
        self.page = page
        self.tokens: list[tuple[dict[str, Any], str | None]] = [(feed_range, None) for feed_range in ranges]

    @classmethod
    async def of(cls, container: ContainerProxy, page: int = 100) -> "Reader":
        return cls(container, [feed_range async for feed_range in container.read_feed_ranges()], page)

    async def poll(self) -> list[dict[str, Any]]:
        parts = [await self._read(feed_range, token) for feed_range, token in self.tokens]
        self.tokens = [(feed_range, token) for (feed_range, _), (_, token) in zip(self.tokens, parts, strict=True)]
        return [item for items, _ in parts for item in items]

    async def _read(self, feed_range: dict[str, Any], token: str | None) -> tuple[list[dict[str, Any]], str]:
        headers: list[Any] = []
        begin: dict[str, Any] = {"start_time": "Beginning", "feed_range": feed_range}
        feed = self.container.query_items_change_feed(
            max_item_count=self.page,
            response_hook=lambda seen, _: headers.append(seen),
            **({"continuation": token} if token else begin),
        )
        items = [item async for item in feed]
        return items, headers[-1]["etag"]


async def collect(feed: AsyncIterator[dict[str, Any]]) -> list[str]:
    return [item["id"] async for item in feed]


async def test_the_feed_gives_each_item_at_its_last_write(container: ContainerProxy) -> None:
    for n in range(10):
        await container.create_item({"id": str(n), "pk": f"p{n}", "v": 1})
    await container.upsert_item({"id": "3", "pk": "p3", "v": 2})
    await container.delete_item("4", "p4")

    items = [item async for item in container.query_items_change_feed(start_time="Beginning")]

    assert sorted(item["id"] for item in items) == ["0", "1", "2", "3", "5", "6", "7", "8", "9"]
    assert max(items, key=lambda item: item["_lsn"])["id"] == "3"
    assert [item["v"] for item in items if item["id"] == "3"] == [2]


async def test_a_reader_continues_where_it_stopped(container: ContainerProxy) -> None:
    reader = await Reader.of(container)
    await container.create_item({"id": "1", "pk": "a"})
    first = await reader.poll()
    nothing = await reader.poll()
    await container.create_item({"id": "2", "pk": "b"})
    await container.upsert_item({"id": "1", "pk": "a", "v": 2})

    second = await reader.poll()

    assert [item["id"] for item in first] == ["1"]
    assert nothing == []
    assert sorted(item["id"] for item in second) == ["1", "2"]
    assert await reader.poll() == []


async def test_a_feed_without_start_begins_now(container: ContainerProxy) -> None:
    await container.create_item({"id": "old", "pk": "a"})
    headers: list[Any] = []
    (feed_range,) = [await container.feed_range_from_partition_key("a")]
    feed = container.query_items_change_feed(feed_range=feed_range, response_hook=lambda h, _: headers.append(h))
    assert await collect(feed) == []

    await container.create_item({"id": "new", "pk": "a"})

    assert await collect(container.query_items_change_feed(continuation=headers[-1]["etag"])) == ["new"]


async def test_a_feed_may_begin_at_a_date(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a"})

    past = await collect(container.query_items_change_feed(start_time=datetime.now(UTC) - timedelta(hours=1)))
    future = await collect(container.query_items_change_feed(start_time=datetime.now(UTC) + timedelta(hours=1)))

    assert past == ["1"]
    assert future == []


async def test_a_feed_of_one_partition_shows_that_partition_only(container: ContainerProxy) -> None:
    for n in range(20):
        await container.create_item({"id": str(n), "pk": f"p{n % 5}"})

    by_key = await collect(container.query_items_change_feed(start_time="Beginning", partition_key="p2"))
    feed_range = await container.feed_range_from_partition_key("p2")
    by_range = await collect(container.query_items_change_feed(start_time="Beginning", feed_range=feed_range))

    assert by_key == by_range == ["2", "7", "12", "17"]


async def test_the_feed_ranges_together_are_the_whole_feed(container: ContainerProxy) -> None:
    for n in range(40):
        await container.create_item({"id": str(n), "pk": f"p{n}"})
    ranges = [feed_range async for feed_range in container.read_feed_ranges()]

    parts = [await collect(container.query_items_change_feed(start_time="Beginning", feed_range=r)) for r in ranges]

    assert len(parts) in (1, 4)
    assert all(parts)
    assert sorted(int(i) for part in parts for i in part) == list(range(40))


async def test_queries_work_per_feed_range(container: ContainerProxy) -> None:
    for n in range(40):
        await container.create_item({"id": str(n), "pk": f"p{n}"})

    found: list[str] = []
    async for feed_range in container.read_feed_ranges():
        found += [
            i["id"] async for i in container.query_items("SELECT c.id FROM c", feed_range=feed_range, max_item_count=7)
        ]

    assert sorted(int(i) for i in found) == list(range(40))


async def test_a_batch_has_one_lsn_and_a_page_never_cuts_it(container: ContainerProxy) -> None:
    for lot in range(3):
        await container.execute_item_batch([("create", ({"id": f"{lot}-{n}", "pk": "a"},)) for n in range(5)], "a")

    feed = container.query_items_change_feed(start_time="Beginning", partition_key="a", max_item_count=2)
    pages = [[item async for item in page] async for page in feed.by_page()]

    full = [page for page in pages if page]
    assert [len(page) for page in full] == [5, 5, 5]
    assert [len({item["_lsn"] for item in page}) for page in full] == [1, 1, 1]


async def test_pages_are_as_small_as_asked_for(container: ContainerProxy) -> None:
    for n in range(7):
        await container.create_item({"id": str(n), "pk": "a"})

    feed = container.query_items_change_feed(start_time="Beginning", partition_key="a", max_item_count=3)
    pages = [[item["id"] async for item in page] async for page in feed.by_page()]

    assert [page for page in pages if page] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


async def test_a_live_reader_loses_nothing_and_sees_no_version_twice(container: ContainerProxy) -> None:
    reader = await Reader.of(container, page=5)
    written: set[tuple[str, int]] = set()
    seen: list[tuple[str, int]] = []

    async def write(writer: int) -> None:
        for n in range(20):
            item = await container.create_item({"id": f"{writer}-{n}", "pk": f"p{n % 4}", "v": 1})
            written.add((item["id"], 1))
            if n % 5 == 4:
                batch = [("create", ({"id": f"{writer}-{n}-{m}", "pk": "b", "v": 1},)) for m in range(6)]
                written.update((entry[1][0]["id"], 1) for entry in batch)
                await container.execute_item_batch(batch, "b")

    async def read(done: asyncio.Event) -> None:
        while not done.is_set():
            seen.extend((item["id"], item["v"]) for item in await reader.poll())
        seen.extend((item["id"], item["v"]) for item in await reader.poll())

    done = asyncio.Event()
    reading = asyncio.create_task(read(done))
    await asyncio.gather(*(write(writer) for writer in range(4)))
    done.set()
    await reading

    assert len(seen) == len(set(seen))
    assert set(seen) == written


async def test_a_feed_of_all_versions_is_refused_by_name(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError, match="AllVersionsAndDeletes") as caught:
        await collect(container.query_items_change_feed(mode="AllVersionsAndDeletes"))

    assert caught.value.status_code == 400


async def test_a_session_reads_its_own_writes(client: CosmosClient, container: ContainerProxy) -> None:
    tokens: list[str] = []

    await container.create_item(
        {"id": "1", "pk": "a"}, response_hook=lambda h, _: tokens.append(h["x-ms-session-token"])
    )
    read = await container.read_item("1", "a", session_token=tokens[0])

    assert read["id"] == "1"
    assert tokens[0].endswith(":-1#1")
    latest = await container.get_latest_session_token(
        [(await container.feed_range_from_partition_key("a"), tokens[0])],
        await container.feed_range_from_partition_key("a"),
    )
    assert latest == tokens[0]


async def test_hierarchical_prefixes_follow_the_feed(client: CosmosClient, fresh_name: str) -> None:
    database = await client.create_database_if_not_exists("tests")
    container = await database.create_container(fresh_name, PartitionKey(["/t", "/u"]))
    for n in range(12):
        await container.create_item({"id": str(n), "t": f"t{n % 3}", "u": n})

    fed = await collect(container.query_items_change_feed(start_time="Beginning", partition_key=["t1"]))
    whole = await collect(container.query_items_change_feed(start_time="Beginning", partition_key=["t1", 4]))

    assert fed == ["1", "4", "7", "10"]
    assert whole == ["4"]

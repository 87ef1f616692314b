"""faults on demand and counters, as the SDK and an operator's HTTP client meet them"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from local.cosmos.faults import Fault, Match
from local.cosmos.server import CosmosEmulator


@pytest.fixture
async def door(cosmos: CosmosEmulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {cosmos.key()}"}
    async with httpx.AsyncClient(base_url=cosmos.endpoint, headers=headers) as client:
        yield client
        await client.delete("/_emulator/faults")


def counts(cosmos: CosmosEmulator, container: ContainerProxy) -> dict[str, int]:
    return cosmos.counts()[f"tests/{container.id}"]


async def test_the_sdk_waits_out_a_429_and_succeeds(
    cosmos: CosmosEmulator, container: ContainerProxy, door: httpx.AsyncClient
) -> None:
    fault = {
        "status": 429,
        "substatus": 3200,
        "retryAfterMs": 60,
        "count": 3,
        "match": {"verb": "POST", "container": container.id},
    }
    assert (await door.post("/_emulator/faults", json=fault)).status_code == 201
    await container.read()

    began = time.monotonic()
    item = await container.create_item({"id": "1", "pk": "a"})

    assert item["id"] == "1"
    assert time.monotonic() - began >= 0.18
    assert counts(cosmos, container) | {"metadata": 0} == {"faults": 3, "writes": 1, "metadata": 0}


async def test_a_429_that_does_not_end_reaches_the_caller(cosmos: CosmosEmulator, container: ContainerProxy) -> None:
    cosmos.fail(Fault(status=429, retryAfterMs=1, count=10, match=Match(container=container.id, activity="reads")))

    with pytest.raises(CosmosHttpResponseError) as caught:
        await container.read_item("1", "a")

    assert caught.value.status_code == 429
    assert caught.value.headers["x-ms-retry-after-ms"] == "1"


@pytest.mark.parametrize("status", [503, 449, 500, 408])
async def test_other_failures_reach_the_caller(cosmos: CosmosEmulator, container: ContainerProxy, status: int) -> None:
    attempts = 2 if status == 503 else 1  # the SDK repeats a 503 once, writes too
    cosmos.fail(Fault(status=status, match=Match(container=container.id, activity="writes"), count=attempts))

    with pytest.raises(CosmosHttpResponseError, match="asked for") as caught:
        await container.create_item({"id": "1", "pk": "a"})

    assert caught.value.status_code == status
    await container.create_item({"id": "1", "pk": "a"})


async def test_a_fault_may_strike_after_the_commit(cosmos: CosmosEmulator, container: ContainerProxy) -> None:
    cosmos.fail(Fault(status=500, afterCommit=True, match=Match(container=container.id, activity="batches")))

    with pytest.raises(CosmosHttpResponseError):
        await container.execute_item_batch([("create", ({"id": "1", "pk": "a"},))], "a")

    assert (await container.read_item("1", "a"))["id"] == "1"


async def test_a_fault_may_be_a_delay_only(cosmos: CosmosEmulator, container: ContainerProxy) -> None:
    cosmos.fail(Fault(delayMs=150, match=Match(container=container.id, activity="writes")))

    began = time.monotonic()
    await asyncio.gather(container.create_item({"id": "1", "pk": "a"}), container.read_feed_ranges().__anext__())

    assert time.monotonic() - began >= 0.15


async def test_faults_are_seen_and_cleared(door: httpx.AsyncClient) -> None:
    await door.post("/_emulator/faults", json={"status": 429, "count": 2, "match": {"container": "nowhere"}})

    waiting = (await door.get("/_emulator/faults")).json()
    await door.delete("/_emulator/faults")

    assert [(fault["status"], fault["count"]) for fault in waiting] == [(429, 2)]
    assert (await door.get("/_emulator/faults")).json() == []


async def test_counts_tell_reads_writes_batches_queries_and_feeds_apart(
    cosmos: CosmosEmulator, container: ContainerProxy, door: httpx.AsyncClient
) -> None:
    await container.create_item({"id": "1", "pk": "a"})
    await container.upsert_item({"id": "1", "pk": "a"})
    await container.read_item("1", "a")
    await container.execute_item_batch([("read", ("1",)), ("delete", ("1",))], "a")
    [_ async for _ in container.query_items("SELECT * FROM c", partition_key="a")]
    [_ async for _ in container.query_items_change_feed(start_time="Beginning", partition_key="a")]

    seen: dict[str, Any] = (await door.get("/_emulator/counts")).json()[f"tests/{container.id}"]

    assert seen == counts(cosmos, container)
    assert seen | {"metadata": 0} == {"writes": 2, "reads": 1, "batches": 1, "queries": 1, "feeds": 1, "metadata": 0}


async def test_counts_begin_anew_when_told(container: ContainerProxy, door: httpx.AsyncClient) -> None:
    await container.create_item({"id": "1", "pk": "a"})

    await door.delete("/_emulator/counts")

    assert f"tests/{container.id}" not in (await door.get("/_emulator/counts")).json()


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer nope"}, {"authorization": "type=master"}])
async def test_the_admin_door_wants_the_owners_key(cosmos: CosmosEmulator, header: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=cosmos.endpoint, headers=header) as stranger:
        answer = await stranger.post("/_emulator/faults", json={"status": 429})

    assert answer.status_code == 401
    assert "owner's account key" in answer.json()["message"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({}, "a status, a delayMs, or both"),
        ({"status": 200}, "greater than or equal to 400"),
        ({"status": 429, "count": 0}, "count"),
        ({"status": 429, "match": {"colour": "red"}}, "match.colour"),
        ({"status": 429, "match": {"activity": "reading"}}, "match.activity"),
        ([], "The fault is invalid"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_a_400(door: httpx.AsyncClient, fault: Any, says: str) -> None:
    answer = await door.post("/_emulator/faults", json=fault)

    assert answer.status_code == 400
    assert says in answer.json()["message"]

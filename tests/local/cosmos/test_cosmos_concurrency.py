"""many clients at once: no lost update, one winner, nothing seen half done"""

import asyncio

from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosAccessConditionFailedError, CosmosResourceExistsError


async def test_a_counter_under_etags_loses_no_increment(container: ContainerProxy) -> None:
    await container.create_item({"id": "counter", "pk": "a", "n": 0})
    conflicts = 0

    async def increment() -> None:
        nonlocal conflicts
        while True:
            item = await container.read_item("counter", "a")
            changed = {**item, "n": item["n"] + 1}
            try:
                await container.replace_item(
                    "counter", changed, etag=item["_etag"], match_condition=MatchConditions.IfNotModified
                )
            except CosmosAccessConditionFailedError:
                conflicts += 1
            else:
                return

    async def write() -> None:
        for _ in range(20):
            await increment()

    await asyncio.gather(*(write() for _ in range(8)))

    assert (await container.read_item("counter", "a"))["n"] == 160
    assert conflicts > 0


async def test_a_create_race_has_one_winner(container: ContainerProxy) -> None:
    async def create(writer: int) -> bool:
        try:
            await container.create_item({"id": "1", "pk": "a", "writer": writer})
        except CosmosResourceExistsError:
            return False
        return True

    won = await asyncio.gather(*(create(writer) for writer in range(10)))

    assert won.count(True) == 1
    assert (await container.read_item("1", "a"))["writer"] == won.index(True)


async def test_increments_without_etags_add_up(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a", "n": 0})

    await asyncio.gather(
        *(container.patch_item("1", "a", [{"op": "incr", "path": "/n", "value": 1}]) for _ in range(40))
    )

    assert (await container.read_item("1", "a"))["n"] == 40


async def test_a_batch_is_never_seen_half_done(container: ContainerProxy) -> None:
    sizes: set[int] = set()
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            found = [item async for item in container.query_items("SELECT c.id FROM c", partition_key="a")]
            sizes.add(len(found) % 7)

    watching = asyncio.create_task(watch())
    for lot in range(10):
        await container.execute_item_batch([("create", ({"id": f"{lot}-{n}", "pk": "a"},)) for n in range(7)], "a")
    done.set()
    await watching

    assert sizes == {0}

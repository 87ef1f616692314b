"""transactional batches: all or nothing, in one partition, within limits"""

from typing import Any

import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError, CosmosResourceNotFoundError


async def ids(container: ContainerProxy) -> list[str]:
    return sorted([item["id"] async for item in container.read_all_items()])


async def test_a_batch_answers_each_operation_in_order(container: ContainerProxy) -> None:
    for name in ("replaced", "patched", "deleted", "read"):
        await container.create_item({"id": name, "pk": "a", "n": 1})

    results = await container.execute_item_batch(
        [
            ("create", ({"id": "created", "pk": "a"},)),
            ("upsert", ({"id": "upserted", "pk": "a"},)),
            ("read", ("read",)),
            ("replace", ("replaced", {"id": "replaced", "pk": "a", "n": 2})),
            (
                "patch",
                ("patched", [{"op": "incr", "path": "/n", "value": 1}]),
                {"filter_predicate": "from c where c.n=1"},
            ),
            ("delete", ("deleted",)),
        ],
        "a",
    )

    assert [result["statusCode"] for result in results] == [201, 201, 200, 200, 200, 204]
    assert results[4]["resourceBody"]["n"] == 2
    assert results[0]["eTag"] == (await container.read_item("created", "a"))["_etag"]
    assert await ids(container) == ["created", "patched", "read", "replaced", "upserted"]


async def test_a_batch_sees_its_own_writes(container: ContainerProxy) -> None:
    results = await container.execute_item_batch(
        [("create", ({"id": "1", "pk": "a"},)), ("read", ("1",)), ("delete", ("1",))], "a"
    )

    assert [result["statusCode"] for result in results] == [201, 200, 204]
    assert await ids(container) == []


FAILING: list[tuple[str, Any, int]] = [
    ("create what exists", ("create", ({"id": "old", "pk": "a"},)), 409),
    ("read what is not there", ("read", ("none",)), 404),
    ("another partition's item", ("create", ({"id": "new", "pk": "b"},)), 400),
    ("a stale etag", ("replace", ("old", {"id": "old", "pk": "a"}), {"if_match_etag": '"stale"'}), 412),
    (
        "a condition",
        ("patch", ("old", [{"op": "add", "path": "/n", "value": 1}]), {"filter_predicate": "from c where c.n=1"}),
        412,
    ),
    ("an illegal id", ("create", ({"id": "new/", "pk": "a"},)), 400),
]


@pytest.mark.parametrize(("operation", "status"), [case[1:] for case in FAILING], ids=[case[0] for case in FAILING])
async def test_a_batch_is_all_or_nothing(container: ContainerProxy, operation: Any, status: int) -> None:
    before = await container.create_item({"id": "old", "pk": "a"})
    create, delete = ("create", ({"id": "first", "pk": "a"},)), ("delete", ("old",))

    with pytest.raises(CosmosBatchOperationError) as caught:
        await container.execute_item_batch([create, operation, delete], "a")

    assert caught.value.error_index == 1
    assert [response["statusCode"] for response in caught.value.operation_responses] == [424, status, 424]
    assert await ids(container) == ["old"]
    assert await container.read_item("old", "a") == before


async def test_a_batch_takes_a_hundred_operations_and_no_more(container: ContainerProxy) -> None:
    operations = [("create", ({"id": str(n), "pk": "a"},)) for n in range(101)]

    await container.execute_item_batch(operations[:100], "a")
    with pytest.raises(CosmosHttpResponseError, match="101 operations, at most 100") as caught:
        await container.execute_item_batch(operations, "a")

    assert caught.value.status_code == 400
    assert len(await ids(container)) == 100


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp's advice to the SDK
async def test_a_batch_takes_two_megabytes_and_no_more(container: ContainerProxy) -> None:
    def operations(size: int) -> list[Any]:
        return [("upsert", ({"id": str(n), "pk": "a", "text": "x" * size},)) for n in range(4)]

    await container.execute_item_batch(operations(500_000), "a")
    with pytest.raises(CosmosHttpResponseError, match="at most 2097152") as caught:
        await container.execute_item_batch(operations(530_000), "a")

    assert caught.value.status_code == 413


async def test_a_failed_batch_leaves_the_session_where_it_was(container: ContainerProxy) -> None:
    async def position() -> str:
        seen: list[Any] = []
        [
            _
            async for _ in container.query_items_change_feed(
                response_hook=lambda headers, _: seen.append(headers["etag"])
            )
        ]
        return seen[-1]

    await container.create_item({"id": "1", "pk": "a"})
    before = await position()

    with pytest.raises(CosmosBatchOperationError):
        await container.execute_item_batch([("create", ({"id": "2", "pk": "a"},)), ("delete", ("3",))], "a")

    assert await position() == before
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("2", "a")

"""items over the official aio client: create, read, upsert, replace, patch, delete, ETags, TTL, unique keys"""

import asyncio
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos import CosmosClient as BlockingClient
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from local.cosmos.server import CosmosEmulator


async def test_a_created_item_is_read_back_with_its_system_properties(container: ContainerProxy) -> None:
    created = await container.create_item({"id": "1", "pk": "a", "text": "grün", "list": [1, None, True]})

    read = await container.read_item("1", "a")

    assert read == created
    assert read["text"] == "grün"
    assert read["list"] == [1, None, True]
    assert read["_etag"].startswith('"')
    assert read["_self"].startswith("dbs/")
    assert isinstance(read["_ts"], int)


async def test_the_blocking_client_works_too(cosmos: CosmosEmulator, fresh_name: str) -> None:
    def use() -> list[dict[str, Any]]:
        with BlockingClient.from_connection_string(cosmos.connection_string()) as client:
            database = client.create_database_if_not_exists("tests")
            container = database.create_container(fresh_name, PartitionKey("/pk"))
            container.upsert_item({"id": "1", "pk": "a"})
            return list(container.query_items("SELECT c.id FROM c", enable_cross_partition_query=True))

    found = await asyncio.to_thread(use)

    assert found == [{"id": "1"}]


async def test_an_id_exists_once_in_a_partition(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a"})
    await container.create_item({"id": "1", "pk": "b"})

    with pytest.raises(CosmosResourceExistsError, match="exists already in partition"):
        await container.create_item({"id": "1", "pk": "a"})


async def test_an_upsert_creates_and_then_replaces(container: ContainerProxy) -> None:
    headers: list[Any] = []
    first = await container.upsert_item({"id": "1", "pk": "a", "n": 1, "old": True})

    second = await container.upsert_item({"id": "1", "pk": "a", "n": 2}, response_hook=lambda h, _: headers.append(h))

    assert second["n"] == 2
    assert "old" not in second
    assert second["_rid"] == first["_rid"]
    assert second["_etag"] != first["_etag"]
    assert headers[0]["etag"] == second["_etag"]


async def test_a_replace_wants_the_item_to_exist(container: ContainerProxy) -> None:
    with pytest.raises(CosmosResourceNotFoundError, match=r"no item '1' in partition \[\"a\"\]"):
        await container.replace_item("1", {"id": "1", "pk": "a"})


async def test_an_item_read_before_is_replaced_through_its_self_link(container: ContainerProxy) -> None:
    item = await container.create_item({"id": "1", "pk": "a", "n": 1})

    await container.replace_item(item, {**item, "n": 2})
    await container.delete_item(await container.create_item({"id": "2", "pk": "a"}), "a")

    assert (await container.read_item(item, "a"))["n"] == 2
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("2", "a")


async def test_a_deleted_item_is_gone(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a"})

    await container.delete_item("1", "a")

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "a")
    with pytest.raises(CosmosResourceNotFoundError):
        await container.delete_item("1", "a")


@pytest.mark.parametrize("verb", ["replace", "upsert", "delete", "patch"])
async def test_a_write_with_a_stale_etag_fails_with_412(container: ContainerProxy, verb: str) -> None:
    stale = await container.create_item({"id": "1", "pk": "a", "n": 1})
    fresh = await container.replace_item("1", {"id": "1", "pk": "a", "n": 2})

    async def write(etag: str) -> None:
        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        match verb:
            case "replace":
                await container.replace_item("1", {"id": "1", "pk": "a", "n": 3}, **condition)
            case "upsert":
                await container.upsert_item({"id": "1", "pk": "a", "n": 3}, **condition)
            case "delete":
                await container.delete_item("1", "a", **condition)
            case _:
                await container.patch_item("1", "a", [{"op": "set", "path": "/n", "value": 3}], **condition)

    with pytest.raises(CosmosAccessConditionFailedError, match="The item has changed"):
        await write(stale["_etag"])
    assert (await container.read_item("1", "a"))["n"] == 2
    await write(fresh["_etag"])


async def test_a_read_of_an_unchanged_item_is_answered_without_it(container: ContainerProxy) -> None:
    item = await container.create_item({"id": "1", "pk": "a"})

    again = await container.read_item("1", "a", etag=item["_etag"], match_condition=MatchConditions.IfModified)

    assert again == {}


async def test_a_write_may_ask_for_no_body(container: ContainerProxy) -> None:
    answer = await container.create_item({"id": "1", "pk": "a"}, no_response=True)

    assert answer == {}
    assert (await container.read_item("1", "a"))["id"] == "1"


@pytest.mark.parametrize(
    "item_id", ["with space in it", "ü€😀", "per%20cent", "a+b&c=d", "quote'\"", "(x);,:@$!*", "dbs"]
)
async def test_an_id_with_unusual_characters_works(container: ContainerProxy, item_id: str) -> None:
    await container.create_item({"id": item_id, "pk": item_id})

    assert (await container.read_item(item_id, item_id))["id"] == item_id
    await container.patch_item(item_id, item_id, [{"op": "add", "path": "/n", "value": 1}])
    await container.delete_item(item_id, item_id)


@pytest.mark.parametrize("key", ["ü", "", None, True, 0, 1.5, -3, 2**40])
async def test_a_partition_key_may_be_any_scalar(container: ContainerProxy, key: Any) -> None:
    await container.create_item({"id": "1", "pk": key, "n": 1})

    assert (await container.read_item("1", key))["n"] == 1
    await container.delete_item("1", key)


async def test_an_item_without_partition_key_is_found_under_none(container: ContainerProxy) -> None:
    from azure.cosmos.partition_key import NonePartitionKeyValue

    await container.create_item({"id": "1"})

    assert (await container.read_item("1", NonePartitionKeyValue))["id"] == "1"
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "a")


async def test_a_hierarchical_key_has_all_its_levels(database: DatabaseProxy, fresh_name: str) -> None:
    container = await database.create_container(fresh_name, PartitionKey(["/tenant", "/user", "/session"]))
    await container.create_item({"id": "1", "tenant": "t", "user": "u", "session": 1})
    await container.create_item({"id": "2", "tenant": "t", "user": "v", "session": 1})
    await container.create_item({"id": "3", "tenant": "x", "user": "u", "session": 1})

    read = await container.read_item("1", ["t", "u", 1])
    in_prefix = [i["id"] async for i in container.query_items("SELECT * FROM c", partition_key=["t"])]

    assert read["user"] == "u"
    assert sorted(in_prefix) == ["1", "2"]


async def test_a_unique_key_holds_within_a_partition(database: DatabaseProxy, fresh_name: str) -> None:
    policy = {"uniqueKeys": [{"paths": ["/mail"]}, {"paths": ["/a/b", "/c"]}]}
    container = await database.create_container(fresh_name, PartitionKey("/pk"), unique_key_policy=policy)
    await container.create_item({"id": "1", "pk": "a", "mail": "x", "a": {"b": 1}, "c": 1})

    await container.create_item({"id": "1", "pk": "b", "mail": "x", "a": {"b": 1}, "c": 1})
    await container.create_item({"id": "2", "pk": "a", "mail": "y", "a": {"b": 1}, "c": 2})

    with pytest.raises(CosmosResourceExistsError, match="Unique index constraint violation: /mail"):
        await container.create_item({"id": "3", "pk": "a", "mail": "x"})
    with pytest.raises(CosmosResourceExistsError, match="/a/b, /c"):
        await container.replace_item("2", {"id": "2", "pk": "a", "mail": "y", "a": {"b": 1}, "c": 1})
    await container.delete_item("1", "a")
    await container.create_item({"id": "3", "pk": "a", "mail": "x"})


async def test_an_item_expires_after_its_ttl(database: DatabaseProxy, fresh_name: str) -> None:
    container = await database.create_container(fresh_name, PartitionKey("/pk"), default_ttl=1)
    await container.create_item({"id": "never", "pk": "a", "ttl": -1})
    await container.create_item({"id": "long", "pk": "a", "ttl": 60})
    await container.create_item({"id": "default", "pk": "a"})
    assert (await container.read_item("default", "a"))["id"] == "default"

    await asyncio.sleep(1.05)

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("default", "a")
    left = [i["id"] async for i in container.query_items("SELECT c.id FROM c", partition_key="a")]
    fed = [i["id"] async for i in container.query_items_change_feed(start_time="Beginning")]
    assert sorted(left) == sorted(fed) == ["long", "never"]
    await container.create_item({"id": "default", "pk": "a"})


async def test_a_ttl_counts_only_where_the_container_has_one(
    container: ContainerProxy, database: DatabaseProxy
) -> None:
    await container.create_item({"id": "1", "pk": "a", "ttl": 1})

    await asyncio.sleep(1.05)
    read = await container.read_item("1", "a")
    await database.replace_container(container, PartitionKey("/pk"), default_ttl=-1)

    assert read["ttl"] == 1
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "a")


async def test_a_container_has_no_throughput_to_tell_of(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError, match="offers are not part of this emulator"):
        await container.get_throughput()


async def test_a_patch_changes_what_it_names(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a", "n": 1, "tags": ["x"], "gone": 1, "from": {"deep": True}})

    patched = await container.patch_item(
        "1",
        "a",
        [
            {"op": "add", "path": "/tags/-", "value": "y"},
            {"op": "add", "path": "/tags/0", "value": "w"},
            {"op": "set", "path": "/tags/1", "value": "X"},
            {"op": "replace", "path": "/from/deep", "value": False},
            {"op": "remove", "path": "/gone"},
            {"op": "incr", "path": "/n", "value": 2.5},
            {"op": "incr", "path": "/new", "value": 1},
            {"op": "move", "from": "/from", "path": "/to"},
        ],
    )

    assert {name: value for name, value in patched.items() if not name.startswith("_")} == {
        "id": "1",
        "pk": "a",
        "n": 3.5,
        "new": 1,
        "tags": ["w", "X", "y"],
        "to": {"deep": False},
    }


async def test_a_patch_under_a_condition_that_fails_changes_nothing(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "pk": "a", "n": 1})
    operations = [{"op": "incr", "path": "/n", "value": 1}]

    await container.patch_item("1", "a", operations, filter_predicate="from c where c.n = 1")
    with pytest.raises(CosmosAccessConditionFailedError, match="condition does not hold"):
        await container.patch_item("1", "a", operations, filter_predicate="from c where c.n = 1")

    assert (await container.read_item("1", "a"))["n"] == 2


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        ([{"op": "replace", "path": "/none", "value": 1}], "/none does not exist"),
        ([{"op": "remove", "path": "/none"}], "/none does not exist"),
        ([{"op": "add", "path": "/a/b/c", "value": 1}], "/a does not exist"),
        ([{"op": "incr", "path": "/text", "value": 1}], "not a number"),
        ([{"op": "set", "path": "/list/7", "value": 1}], "'7' is not an index"),
        ([{"op": "set", "path": "/id", "value": "2"}], "may not change the item's id"),
        ([{"op": "set", "path": "/pk", "value": "2"}], "partition key"),
        ([{"op": "set", "path": "/_etag", "value": "2"}], "system property"),
        ([{"op": "move", "from": "/list", "path": "/list/0"}], "within the source"),
        ([{"op": "boil", "path": "/n", "value": 1}], "'add', 'set', 'replace', 'remove', 'incr' or 'move'"),
        ([{"op": "set", "path": "n", "value": 1}], "path"),
        ([{"op": "set", "path": "/n", "value": 1}] * 11, "at most 10"),
        ([], "at least 1"),
    ],
)
async def test_a_patch_that_does_not_fit_is_a_400(container: ContainerProxy, operations: Any, says: str) -> None:
    before = await container.create_item({"id": "1", "pk": "a", "text": "x", "list": []})

    with pytest.raises(CosmosHttpResponseError, match=says) as caught:
        await container.patch_item("1", "a", operations)

    assert caught.value.status_code == 400
    assert await container.read_item("1", "a") == before


async def test_a_container_that_was_created_anew_is_found_by_an_old_client(
    cosmos: CosmosEmulator, database: DatabaseProxy, fresh_name: str
) -> None:
    container = await database.create_container(fresh_name, PartitionKey("/pk"))
    before = await container.create_item({"id": "1", "pk": "a"})
    async with CosmosClient.from_connection_string(cosmos.connection_string()) as other:
        await other.get_database_client("tests").delete_container(fresh_name)
        await other.get_database_client("tests").create_container(fresh_name, PartitionKey("/pk"))

    after = await container.upsert_item({"id": "2", "pk": "a"})

    assert after["_rid"][:11] != before["_rid"][:11]
    assert (await container.read_item("2", "a"))["id"] == "2"
    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "a")


async def test_many_items_are_read_at_once(container: ContainerProxy) -> None:
    for n in range(30):
        await container.create_item({"id": f"{n}", "pk": f"p{n % 3}"})

    wanted = [(f"{n}", f"p{n % 3}") for n in range(30)]
    found = await container.read_items([*wanted, ("missing", "p1")])

    assert sorted(int(item["id"]) for item in found) == list(range(30))
    assert len([item async for item in container.read_all_items(max_item_count=7)]) == 30

"""who may do what: each principal has a key of its own and the grants of principals.json"""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError

from local.cosmos.auth import WELL_KNOWN_KEY, Authority, Contributor, Grant, Key, Principals, Reader
from local.cosmos.errors import CosmosError
from local.cosmos.routes import parse_route
from local.cosmos.server import CosmosEmulator


def key(name: str) -> str:
    return base64.b64encode(name.encode() * 8).decode()


PRINCIPALS = Principals(
    keys=(
        Key(name="writer", key=key("writer"), grants=(Grant(role=Contributor, scope="/dbs/main/colls/items"),)),
        Key(name="reader", key=key("reader"), grants=(Grant(role=Reader, scope="/dbs/main"),)),
        Key(name="all", key=key("all"), grants=(Grant(role=Contributor, scope="/"),)),
        Key(name="elsewhere", key=key("elsewhere"), grants=(Grant(role=Contributor, scope="/dbs/other"),)),
        Key(name="nobody", key=key("nobody")),
    )
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[CosmosEmulator]:
    with CosmosEmulator(principals=PRINCIPALS) as emulator:
        yield emulator


@pytest.fixture
async def owner(guarded: CosmosEmulator) -> AsyncIterator[CosmosClient]:
    async with CosmosClient.from_connection_string(guarded.connection_string()) as client:
        for name in ("main", "other"):
            database = await client.create_database_if_not_exists(name)
            for container in ("items", "more"):
                proxy = await database.create_container_if_not_exists(container, PartitionKey("/pk"))
                await proxy.upsert_item({"id": "1", "pk": "a", "n": 1})
        yield client


async def attempt(client: CosmosClient, database: str, container: str, what: str) -> None:
    proxy = client.get_database_client(database).get_container_client(container)
    match what:
        case "read":
            await proxy.read_item("1", "a")
        case "query":
            [_ async for _ in proxy.query_items("SELECT * FROM c")]
        case "feed":
            [_ async for _ in proxy.query_items_change_feed(start_time="Beginning")]
        case "write":
            await proxy.upsert_item({"id": "1", "pk": "a"})
        case "patch":
            await proxy.patch_item("1", "a", [{"op": "set", "path": "/n", "value": 1}])
        case "batch":
            await proxy.execute_item_batch([("read", ("1",))], "a")
        case "describe":
            await proxy.read()
        case "create container":
            await client.get_database_client(database).create_container("new", PartitionKey("/pk"))
        case "replace container":
            await client.get_database_client(database).replace_container(container, PartitionKey("/pk"), default_ttl=5)
        case _:
            await client.create_database("new")


READS, WRITES = ["read", "query", "feed"], ["write", "patch", "batch"]
OWNS = ["create container", "replace container", "create database"]
ALLOWED: list[tuple[str, str, str, list[str], bool]] = [
    ("writer", "main", "items", [*READS, *WRITES, "describe"], True),
    ("writer", "main", "more", ["describe"], True),
    ("writer", "main", "more", [*READS, *WRITES], False),
    ("writer", "other", "items", [*READS, *WRITES, "describe"], False),
    ("reader", "main", "items", [*READS, "describe"], True),
    ("reader", "main", "more", READS, True),
    ("reader", "main", "items", WRITES, False),
    ("all", "other", "more", [*READS, *WRITES, "describe"], True),
    ("all", "main", "items", OWNS, False),
    ("elsewhere", "main", "items", [*READS, "describe"], False),
    ("nobody", "main", "items", [*READS, *WRITES, *OWNS, "describe"], False),
]


@pytest.mark.parametrize(("name", "database", "container", "whats", "allowed"), ALLOWED)
async def test_a_principal_may_do_what_its_grants_say(
    guarded: CosmosEmulator,
    owner: CosmosClient,
    name: str,
    database: str,
    container: str,
    whats: list[str],
    allowed: bool,
) -> None:
    async with CosmosClient.from_connection_string(guarded.connection_string(name)) as client:
        for what in whats:
            if allowed:
                await attempt(client, database, container, what)
                continue
            with pytest.raises(CosmosHttpResponseError) as caught:
                await attempt(client, database, container, what)
            assert caught.value.status_code == 403, what
            assert f"principal '{name}'" in str(caught.value)


async def test_a_refusal_names_principal_place_and_role(guarded: CosmosEmulator, owner: CosmosClient) -> None:
    async with CosmosClient.from_connection_string(guarded.connection_string("reader")) as client:
        with pytest.raises(CosmosHttpResponseError) as caught:
            await attempt(client, "main", "items", "write")

    said = str(caught.value)
    assert all(part in said for part in ("'reader'", "/dbs/main/colls/items", Contributor))


async def test_a_name_that_only_begins_alike_is_another_place(guarded: CosmosEmulator, owner: CosmosClient) -> None:
    await owner.get_database_client("main").create_container_if_not_exists("items2", PartitionKey("/pk"))

    async with CosmosClient.from_connection_string(guarded.connection_string("writer")) as client:
        with pytest.raises(CosmosHttpResponseError, match="writer"):
            await attempt(client, "main", "items2", "write")


@pytest.mark.parametrize("header", ["x-ms-documentdb-isquery", "x-ms-cosmos-is-query-plan-request", "a-im"])
@pytest.mark.parametrize(
    ("verb", "path"), [("DELETE", "dbs/main/colls/more"), ("PUT", "dbs/main/colls/more"), ("DELETE", "dbs/main")]
)
async def test_calling_a_change_a_query_is_no_way_around_a_grant(
    guarded: CosmosEmulator, owner: CosmosClient, header: str, verb: str, path: str
) -> None:
    body = {"id": "more", "partitionKey": {"paths": ["/pk"]}, "defaultTtl": 1}
    headers = signed(key("reader"), verb, path.rpartition("/")[0].rpartition("/")[2], path) | {header: "true"}

    async with httpx.AsyncClient(base_url=guarded.endpoint) as client:
        answer = await client.request(verb, path, json=body, headers=headers)

    assert answer.status_code == 403
    assert "defaultTtl" not in await owner.get_database_client("main").get_container_client("more").read()


async def test_resource_ids_are_no_way_around_a_grant(guarded: CosmosEmulator, owner: CosmosClient) -> None:
    item = await owner.get_database_client("main").get_container_client("more").read_item("1", "a")

    async with CosmosClient.from_connection_string(guarded.connection_string("writer")) as client:
        proxy = client.get_database_client("main").get_container_client("items")
        with pytest.raises(CosmosHttpResponseError, match="'writer'"):
            await proxy.replace_item(item, {**item, "n": 2})


async def test_a_key_that_nobody_has_is_a_401(guarded: CosmosEmulator) -> None:
    client = CosmosClient(guarded.endpoint, key("stranger"))
    try:
        with pytest.raises(CosmosHttpResponseError, match="no key of this account") as caught:
            await client.__aenter__()
    finally:
        await client.close()  # `async with` would not, as entering fails

    assert caught.value.status_code == 401


async def test_the_published_key_can_be_switched_off() -> None:
    with CosmosEmulator(principals=Principals(wellKnownKey=False)) as emulator:
        async with CosmosClient.from_connection_string(emulator.connection_string()) as client:
            await client.create_database("mine")

    assert emulator.key() != WELL_KNOWN_KEY
    with pytest.raises(CosmosError) as caught:
        Authority(Principals(wellKnownKey=False)).identify("GET", parse_route(b"/"), signed(WELL_KNOWN_KEY))
    assert caught.value.status == 401
    assert Authority(Principals()).identify("GET", parse_route(b"/"), signed(WELL_KNOWN_KEY)).owner


def signed(secret: str, verb: str = "GET", kind: str = "", link: str = "") -> dict[str, str]:
    text = f"{verb.lower()}\n{kind}\n{link}\n\n\n".encode()
    signature = base64.b64encode(hmac.digest(base64.b64decode(secret), text, "sha256")).decode()
    return {"authorization": quote(f"type=master&ver=1.0&sig={signature}")}


def test_a_key_is_asked_for_by_its_principals_name(guarded: CosmosEmulator) -> None:
    assert guarded.key("writer") == key("writer")
    assert key("reader") in guarded.connection_string("reader")
    with pytest.raises(KeyError, match="known are owner, writer, reader"):
        guarded.key("stranger")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "Invalid JSON"),
        (json.dumps({"keys": [{"name": "x"}]}), "keys.0.key: Field required"),
        (json.dumps({"keys": [{"name": "x", "key": "no base64!"}]}), "keys.0.key"),
        (json.dumps({"keys": [{"name": "x", "key": key("x"), "grants": [{"role": "King", "scope": "/"}]}]}), "role"),
        (
            json.dumps({"keys": [{"name": "x", "key": key("x"), "grants": [{"role": Reader, "scope": "main"}]}]}),
            "scope",
        ),
        (json.dumps({"key": []}), "key: Extra inputs"),
    ],
)
def test_a_principals_file_that_is_wrong_is_refused_by_field(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "principals.json"
    file.write_text(content)

    with pytest.raises(ValueError, match=says) as caught:
        CosmosEmulator(principals=file)

    assert str(file) in str(caught.value)


def test_a_principals_file_is_read(tmp_path: Path) -> None:
    entry: dict[str, Any] = {"name": "x", "key": key("x"), "grants": [{"role": Reader, "scope": "/dbs/main"}]}
    file = tmp_path / "principals.json"
    file.write_text(json.dumps({"wellKnownKey": True, "keys": [entry]}))

    assert CosmosEmulator(principals=file).key("x") == key("x")
    with pytest.raises(ValueError, match="cannot be read"):
        CosmosEmulator(principals=tmp_path / "none.json")

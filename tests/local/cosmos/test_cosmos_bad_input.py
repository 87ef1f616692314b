"""requests that no SDK would send: each gets an answer in words, none a traceback, none a wait"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.cosmos.errors import CosmosError
from local.cosmos.routes import parse_route
from local.cosmos.server import CosmosEmulator

PK = {"x-ms-documentdb-partitionkey": '["a"]'}


def sign(cosmos: CosmosEmulator, verb: str, path: str) -> dict[str, str]:
    """The authorization that a client of its own would write, from the documentation of the REST API."""
    segments = [unquote(part) for part in path.split("/") if part]
    odd = len(segments) % 2
    kind = (segments[-1] if odd else segments[-2]) if segments else ""
    link = "/".join(segments[:-1] if odd else segments)
    date = formatdate(usegmt=True)
    text = f"{verb.lower()}\n{kind}\n{link}\n{date.lower()}\n\n"
    signature = b64encode(hmac.new(b64decode(cosmos.key()), text.encode(), hashlib.sha256).digest()).decode()
    return {"x-ms-date": date, "authorization": quote(f"type=master&ver=1.0&sig={signature}", safe="")}


@pytest.fixture(scope="module")
def http(one_range: CosmosEmulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=one_range.endpoint, timeout=10) as client:
        yield client


def send(
    http: httpx.Client,
    cosmos: CosmosEmulator,
    verb: str,
    path: str,
    body: Any = b"",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.request(verb, path, content=content, headers=sign(cosmos, verb, path) | (headers or {}))


DOCS = "/dbs/tests/colls/{}/docs/"
COLLS = "/dbs/tests/colls"
ALL: dict[str, Any] = {"query": "SELECT * FROM c"}
FEED = {"a-im": "Incremental Feed"}
BATCH = {"x-ms-cosmos-is-batch-request": "True", **PK}
QUERY = {"x-ms-documentdb-isquery": "true", **PK}
UPSERT = {"x-ms-documentdb-is-upsert": "True", **PK}
BAD: list[tuple[str, str, Any, dict[str, str], int, str]] = [
    ("POST", DOCS, b"{", PK, 400, "not valid JSON"),
    ("POST", DOCS, b"", PK, 400, "not valid JSON"),
    ("POST", DOCS, b"\xff\xfe", PK, 400, "not valid UTF-8"),
    ("POST", DOCS, b'{"id":"1","pk":"a","n":NaN}', PK, 400, "NaN is not a JSON value"),
    ("POST", DOCS, b'{"id":"1","pk":"a","n":1e999}', PK, 400, "does not fit a double"),
    ("POST", DOCS, b'{"id":"1","pk":"a","n":' + b"9" * 400 + b"}", PK, 400, "does not fit a double"),
    ("POST", DOCS, b'{"id":"1","pk":"a","n":' + b"9" * 5000 + b"}", PK, 400, "not valid JSON"),
    ("POST", DOCS, b'{"id":"1","pk":"a","s":"\\ud800"}', PK, 400, "not valid UTF-8"),
    ("POST", DOCS, b"[" * 100_000, PK, 400, "nested too deeply"),
    ("POST", DOCS, b'{"id":"1","pk":"a","d":' + b"[" * 128 + b"]" * 128 + b"}", PK, 400, "deeper than 128"),
    ("POST", DOCS, [], PK, 400, "must be a JSON object"),
    ("POST", DOCS, {"pk": "a"}, PK, 400, "lacks the required property 'id'"),
    ("POST", DOCS, {"id": 1, "pk": "a"}, PK, 400, "must be a non-empty string, got 1"),
    ("POST", DOCS, {"id": "", "pk": "a"}, PK, 400, "must be a non-empty string"),
    ("POST", DOCS, {"id": "a/b", "pk": "a"}, PK, 400, "'a/b' contains /"),
    ("POST", DOCS, {"id": "a\\b?#", "pk": "a"}, PK, 400, "contains # ? \\"),
    ("POST", DOCS, {"id": "x" * 1024, "pk": "a"}, PK, 400, "1024 bytes, at most 1023"),
    ("POST", DOCS, {"id": "1", "pk": "a", "ttl": 0}, PK, 400, "ttl 0 is invalid"),
    ("POST", DOCS, {"id": "1", "pk": "a", "ttl": "5"}, PK, 400, 'ttl "5" is invalid'),
    ("POST", DOCS, {"id": "1", "pk": ["a"]}, PK, 400, "must be a string, number, boolean or null"),
    ("POST", DOCS, {"id": "1", "pk": "b"}, PK, 400, "is not the one in the request's header"),
    ("POST", DOCS, {"id": "1", "pk": "a"}, {}, 400, "x-ms-documentdb-partitionkey is missing"),
    ("POST", DOCS, {"id": "1", "pk": "a"}, {"x-ms-documentdb-partitionkey": "a"}, 400, "not valid JSON"),
    ("POST", DOCS, {"id": "1", "pk": "a", "s": "x" * 2_097_152}, PK, 413, "at most 2097152 are allowed"),
    ("POST", DOCS, b" " * 5_000_000, PK, 413, "at most 4194304 are read"),
    ("POST", DOCS, {"operations": []}, BATCH, 400, "batch is invalid"),
    ("POST", DOCS, [], BATCH, 400, "at least 1 item"),
    ("POST", DOCS, [{"operationType": "Boil"}], BATCH, 400, "operationType"),
    ("POST", DOCS, [{"operationType": "Delete"}], BATCH, 400, "lacks an id"),
    ("POST", DOCS, {}, QUERY, 400, "query: Field required"),
    ("POST", DOCS, {"query": 1}, QUERY, 400, "query"),
    ("POST", DOCS, {"query": ""}, QUERY, 400, "begins with SELECT"),
    ("POST", DOCS, {"query": "SELECT * FROM c", "parameters": [{"name": "x"}]}, QUERY, 400, "parameters.0.name"),
    ("POST", DOCS, ALL, {**QUERY, "x-ms-continuation": "garbage"}, 400, "continuation 'garbage'"),
    ("POST", DOCS, ALL, {**QUERY, "x-ms-continuation": "WzEsMiwzXQ=="}, 400, "continuation"),
    ("POST", DOCS, ALL, {**QUERY, "x-ms-max-item-count": "many"}, 400, "must be -1 or"),
    ("POST", DOCS, ALL, {**QUERY, "x-ms-documentdb-partitionkey": "[1,2]"}, 400, "2 components"),
    ("POST", DOCS, ALL, {"x-ms-documentdb-isquery": "true"}, 400, "Cross partition query"),
    ("GET", DOCS, b"", {"a-im": "Everything"}, 400, "must be 'Incremental Feed'"),
    ("GET", DOCS, b"", {**FEED, "if-none-match": "x"}, 400, "not a change feed position"),
    ("GET", DOCS, b"", {**FEED, "if-modified-since": "soon"}, 400, "not an RFC 1123 date"),
    ("GET", DOCS, b"", {**FEED, "x-ms-documentdb-partitionkeyrangeid": "9"}, 410, "no partition key range"),
    ("GET", DOCS + "none", b"", PK, 404, "no item 'none'"),
    ("GET", DOCS + "none", b"", {}, 400, "partitionkey is missing"),
    ("PUT", DOCS + "none", {"id": "other", "pk": "a"}, PK, 400, "not the id 'none'"),
    ("PATCH", DOCS + "none", [], PK, 400, "patch is invalid"),
    ("TRACE", DOCS + "none", b"", PK, 405, "not possible"),
    ("PUT", DOCS, {"id": "1", "pk": "a"}, PK, 405, "PUT is not possible"),
    ("POST", DOCS.replace("docs", "sprocs"), {}, {}, 400, "sprocs are not part of this emulator"),
    ("GET", "/dbs/none/colls/none/docs/1", b"", PK, 404, "Database 'none' does not exist"),
    ("GET", "/dbs/tests/colls/none/docs/1", b"", PK, 404, "Container 'none' does not exist"),
    ("GET", "/favicon.ico", b"", {}, 404, "no resource at '/favicon.ico'"),
    ("GET", "/dbs/a/b/c", b"", {}, 404, "no resource at"),
    ("GET", "/dbs/%ff", b"", {}, 400, "not percent-encoded UTF-8"),
    ("POST", "/dbs", {"id": "a/b"}, {}, 400, "database id 'a/b' contains /"),
    ("POST", "/dbs", {"id": "x" * 256}, {}, 400, "at most 255"),
    ("POST", "/dbs", [], {}, 400, "must be a non-empty string"),
    ("POST", "/dbs", {"id": "tests"}, {}, 409, "already exists"),
    ("DELETE", "/dbs", b"", {}, 405, "DELETE is not possible"),
    ("POST", COLLS, {"id": "x"}, {}, 400, "partitionKey: Field required"),
    ("POST", COLLS, {"id": "x", "partitionKey": {"paths": ["pk"]}}, {}, 400, "partitionKey.paths.0"),
    ("POST", COLLS, {"id": "x", "partitionKey": {"paths": ["/a", "/b"]}}, {}, 400, "MultiHash"),
    ("POST", COLLS, {"id": "x", "partitionKey": {"paths": ["/a"], "version": 1}}, {}, 400, "partitionKey.version"),
    ("POST", COLLS, {"id": "x", "partitionKey": {"paths": ["/a"]}, "defaultTtl": 0}, {}, 400, "ttl 0"),
    ("PUT", "/dbs/tests/colls/{}", {"id": "{}", "partitionKey": {"paths": ["/other"]}}, {}, 400, "partitionKey of"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "path", "body", "headers", "status", "says"), BAD, ids=[f"{n}: {case[5]}" for n, case in enumerate(BAD)]
)
async def test_bad_input_is_answered_in_words(
    http: httpx.Client,
    cosmos: CosmosEmulator,
    bad_input_container: str,
    verb: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    says: str,
) -> None:
    if isinstance(body, dict) and body.get("id") == "{}":
        body = body | {"id": bad_input_container}

    answer = send(http, cosmos, verb, path.replace("{}", bad_input_container), body, headers)

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "message"}
    assert says in answer.json()["message"]


@pytest.fixture(scope="module")
def bad_input_container(http: httpx.Client, one_range: CosmosEmulator) -> str:
    definition = {"id": "bad-input", "partitionKey": {"paths": ["/pk"], "kind": "Hash"}}
    send(http, one_range, "POST", "/dbs", {"id": "tests"})
    send(http, one_range, "POST", "/dbs/tests/colls", definition)
    return "bad-input"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (None, "must be type=master"),
        ("", "must be type=master"),
        ("type=master&ver=1.0", "must be type=master"),
        ("type=master&ver=1.0&sig=!", "not base64"),
        ("type=resource&ver=1.0&sig=x", "must be type=master"),
        ("type%3Dmaster%26ver%3D1.0%26sig%3DAAAA", "no key of this account"),
        ("type=aad&ver=1.0&sig=eyJ0", "connect with an account key"),
        ("Bearer eyJ0", "must be type=master"),
    ],
)
def test_a_request_that_nobody_signed_is_a_401(http: httpx.Client, header: str | None, says: str) -> None:
    answer = http.get("/dbs", headers={} if header is None else {"authorization": header})

    assert answer.status_code == 401
    assert says in answer.json()["message"]


def test_a_signature_covers_the_path_and_the_verb(http: httpx.Client, cosmos: CosmosEmulator) -> None:
    assert http.get("/dbs", headers=sign(cosmos, "GET", "/dbs")).status_code == 200
    assert http.get("/dbs/tests", headers=sign(cosmos, "GET", "/dbs")).status_code == 401
    assert http.post("/dbs", json={"id": "x"}, headers=sign(cosmos, "GET", "/dbs")).status_code == 401


async def test_an_item_of_two_megabytes_is_stored_and_one_byte_more_is_not(
    http: httpx.Client, cosmos: CosmosEmulator, container: ContainerProxy
) -> None:
    path = DOCS.format(container.id)
    small = send(http, cosmos, "POST", path, {"id": "1", "pk": "a", "s": ""}, PK)
    room = 2 * 1024 * 1024 - len(small.content)

    fits = send(http, cosmos, "POST", path, {"id": "1", "pk": "a", "s": "x" * room}, UPSERT)
    too_large = send(http, cosmos, "POST", path, {"id": "1", "pk": "a", "s": "x" * (room + 1)}, UPSERT)

    assert (fits.status_code, len(fits.content)) == (200, 2 * 1024 * 1024)
    assert too_large.status_code == 413


async def test_a_container_other_than_the_intended_one_is_told_apart(
    http: httpx.Client, cosmos: CosmosEmulator, container: ContainerProxy
) -> None:
    intended = {**PK, "x-ms-cosmos-intended-collection-rid": "AAAAAAAAAAA="}

    answer = send(http, cosmos, "POST", DOCS.format(container.id), {"id": "1", "pk": "a"}, intended)

    assert (answer.status_code, answer.headers["x-ms-substatus"]) == (400, "1024")


async def test_the_sdk_shows_the_reason(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError, match="The ttl 0 is invalid") as caught:
        await container.create_item({"id": "1", "pk": "a", "ttl": 0})

    assert caught.value.status_code == 400


@settings(max_examples=200, deadline=None)
@given(path=st.binary(max_size=60) | st.text("/dbscoldp%2f*?#.", max_size=40).map(str.encode))
def test_a_path_is_a_route_or_an_error_in_words(path: bytes) -> None:
    def status() -> int:
        try:
            parse_route(path)
        except CosmosError as error:
            return error.status
        return 200

    assert status() in (200, 400, 404)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=30)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4).map(lambda v: json.dumps(v).encode()),
    headers=st.sampled_from([PK, BATCH, QUERY, UPSERT, {}]),
    verb=st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET"]),
    item=st.sampled_from(["", "1"]),
)
def test_no_body_brings_the_emulator_down(
    http: httpx.Client,
    one_range: CosmosEmulator,
    bad_input_container: str,
    body: bytes,
    headers: dict[str, str],
    verb: str,
    item: str,
) -> None:
    answer = send(http, one_range, verb, DOCS.format(bad_input_container) + item, body, headers)

    assert answer.status_code < 500, answer.text

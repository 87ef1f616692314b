"""Each line comes in by its own door; what a door refuses it refuses with the reason."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from local.cosmos.server import CosmosEmulator
from local.demo.doors import DatabaseDoor, Doors, HttpDoor, Refused
from local.demo.lines import Line, read_lines
from local.demo.listeners import Listeners
from local.demo.world import Place
from services.entities import DATA_CHANGES, DATABASE, ENTITY_COMMANDS, INSIGHTS, ITEMS
from services.kernel.ids import safe_id
from services.kernel.topology import Subscription, Topology

SOURCES = Topology("sources", http=True)
CASES = Topology(
    "cases",
    listens=(
        Subscription(ENTITY_COMMANDS, "decider", ("open_refund", "both")),
        Subscription(DATA_CHANGES, "also", ("both",)),
        Subscription(INSIGHTS, "later", ("order_analyzed",)),
    ),
    keeps=(ITEMS,),
)
LISTENERS = Listeners((SOURCES, CASES))


def line(tmp_path: Any, content: object) -> Line:
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps(content))
    return read_lines(file, "run")[0]


def command(**more: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": "c-1", "source": "/desk", "type": "open_refund", "data": {}, **more}


class Stack:
    def url_of(self, pattern: str) -> str:
        return f"http://{pattern}"

    def token(self, *, roles: tuple[str, ...], name: str) -> str:
        return f"{name}:{'+'.join(roles)}"


class Answers:
    """An HTTP server that gives these answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers, self.asked = list(answers), list[httpx.Request]()

    def door(self, stack: object | None = None, listeners: Listeners = LISTENERS) -> HttpDoor:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return HttpDoor(client, Stack() if stack is None else stack, listeners)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answers.pop(0)


@pytest.mark.parametrize(
    ("content", "door"),
    [
        ({"type": "both", "data": {}}, "topic"),
        ({"type": "nobody_knows", "data": {}}, "topic"),
        ({"hello": "world"}, "topic"),
        ({"type": "open_refund", "data": {}}, "http"),
        ({"type": "order_analyzed", "data": {}}, "http"),
        ({"schemaId": "azureMonitorCommonAlertSchema"}, "http"),
        ({"write": "items", "document": {}}, "database"),
    ],
)
def test_a_line_comes_in_where_its_listeners_hear_it(tmp_path: Any, content: object, door: str) -> None:
    made: dict[str, Any] = {"topic": object(), "http": object(), "database": object()}
    doors = Doors(made["topic"], made["http"], made["database"], LISTENERS)

    assert doors.of(line(tmp_path, content)) is made[door]


async def test_a_command_goes_to_sources_with_a_token_and_is_known_by_its_own_key(tmp_path: Any) -> None:
    answers = Answers(httpx.Response(503), httpx.Response(202, json={"ids": ["c-1"]}))

    entry = await answers.door().take(line(tmp_path, command()))

    assert entry
    assert (entry.topic, entry.type, entry.key) == ("entity-commands", "open_refund", safe_id("/desk", "c-1"))
    assert [str(each.url) for each in answers.asked] == ["http://sources/api/events"] * 2
    assert answers.asked[0].headers["Authorization"].startswith("Bearer demo@localhost:Events.Send")


async def test_a_bare_command_and_an_alert_are_known_by_the_id_that_they_were_given(tmp_path: Any) -> None:
    answers = Answers(*(httpx.Response(202, json={"ids": [name]}) for name in ("given", "alert")))
    door = answers.door()

    bare = await door.take(line(tmp_path, {"type": "open_refund", "data": {}}))
    alert = await door.take(line(tmp_path, {"schemaId": "azureMonitorCommonAlertSchema"}))

    assert bare
    assert bare.key == safe_id("/sources/events", "given")
    assert alert
    assert (alert.topic, alert.type) == ("insights", "alert_fired")
    assert answers.asked[0].headers["Idempotency-Key"] == "run-line-1"  # so that a resumed run repeats nothing


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"detail": "no"}, "400 no"),
        ({"detail": "1 of 1", "events": [{"reason": "not-routable", "description": "case_id is missing"}]}, "case_id"),
    ],
)
async def test_what_sources_refuses_is_refused_with_its_reason(tmp_path: Any, answer: object, told: str) -> None:
    with pytest.raises(Refused, match=told):
        await Answers(httpx.Response(400, json=answer)).door().take(line(tmp_path, command()))


async def test_where_sources_is_not_registered_a_command_is_refused_and_says_so(tmp_path: Any) -> None:
    with pytest.raises(Refused, match="`sources` is not registered"):
        await Answers().door(listeners=Listeners((CASES,))).take(line(tmp_path, command()))


# -- the database ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def items() -> AsyncIterator[tuple[ContainerProxy, DatabaseDoor]]:
    async with (
        CosmosEmulator() as emulator,
        CosmosClient.from_connection_string(emulator.connection_string()) as client,
    ):
        database = await client.create_database(DATABASE)
        container = await database.create_container(ITEMS.name, PartitionKey(path=f"/{ITEMS.partition_key}"))
        yield container, DatabaseDoor(client, LISTENERS.patterns)


async def test_a_write_is_merged_into_what_is_there(tmp_path: Any, items: tuple[ContainerProxy, DatabaseDoor]) -> None:
    # given
    container, door = items
    await container.create_item({"id": "C-1", "entity_id": "C-1", "name": "Ada", "city": "Bonn"})

    # when
    written = {"write": "items", "document": {"id": "C-1", "entity_id": "C-1", "city": "Kiel"}}
    entry = await door.take(line(tmp_path, written))
    new = await door.take(line(tmp_path, {"write": "items", "document": {"id": "C-2", "entity_id": "C-2"}}))

    # then
    there = await container.read_item("C-1", partition_key="C-1")
    assert (there["name"], there["city"]) == ("Ada", "Kiel")
    assert entry
    assert (entry.place, entry.etag) == (Place("items", "C-1", "C-1"), there["_etag"])
    assert new
    assert new.place == Place("items", "C-2", "C-2")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"write": "itmes", "document": {"id": "C-1"}}, "'itmes'; the registered patterns use items"),
        ({"write": ["items"], "document": {}}, "the registered patterns use items"),
        ({"write": "items"}, "id and entity_id"),
        ({"write": "items", "document": {"id": "C-1"}}, "id and entity_id"),
        ({"write": "items", "document": {"id": 1, "entity_id": "C-1"}}, "id and entity_id"),
        ({"write": "items", "document": {"id": "a/b", "entity_id": "C-1"}}, "illegal chars"),
    ],
)
async def test_a_write_that_is_none_is_refused_with_what_is_expected(
    tmp_path: Any, items: tuple[ContainerProxy, DatabaseDoor], content: object, told: str
) -> None:
    with pytest.raises(Refused, match=told):
        await items[1].take(line(tmp_path, content))

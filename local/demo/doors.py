"""a line -> the door that it comes in by -> how the stores will know it

What a producer writes to `data-changes` goes to the broker, as other producers do it. What only another topic takes
(commands), and alerts, come in by HTTP at `sources`, with a token. A database write is made as somebody else makes it.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol, cast

import httpx
from azure.core import MatchConditions
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)
from azure.servicebus.aio import ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from local.demo.lines import Line, delivery_of
from local.demo.listeners import Listeners
from local.demo.world import Entry, Place
from local.processes import StackError
from services.entities import DATA_CHANGES, DATABASE, INSIGHTS
from services.kernel.event import BARE, open_envelope
from services.kernel.ids import safe_id
from services.kernel.topology import Container, Topology

SOURCES = "sources"
ROLES = ("Events.Send", "Alerts.Send")
EVENTS_SOURCE, ALERTS_SOURCE = "/sources/events", "/sources/alerts"
"""Where `sources` says that a bare event, or an alert, comes from."""
ALERT_FIRED = "alert_fired"
CALLER = "demo@localhost"
WAITS = (0.2, 0.5, 1.0, 2.0)
"""Seconds between the tries of a request that may succeed later."""
PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})


class Refused(Exception):  # noqa: N818 - named for what became of the line
    """A door did not take a line; the message says why."""


class Door(Protocol):
    """Takes a line in."""

    async def take(self, line: Line) -> Entry | None:
        """How the stores will know it; None if they know it as the line itself does.

        Raises:
            Refused: if the line may not come in.
        """
        ...


class SignedIn(Protocol):
    """What local/stack.py knows of its HTTP doors."""

    def url_of(self, pattern: str) -> str: ...
    def token(self, *, roles: Sequence[str], name: str) -> str: ...


class TopicDoor:
    """The topic that other producers write to."""

    def __init__(self, sender: ServiceBusSender) -> None:
        self._sender = sender

    async def take(self, line: Line) -> Entry | None:
        try:
            await self._sender.send_messages(line.message())
        except MessageSizeExceededError:
            raise Refused("by the broker: larger than Service Bus takes") from None
        return None


class HttpDoor:
    """`sources`: POST /api/events, POST /api/alerts."""

    def __init__(self, client: httpx.AsyncClient, stack: SignedIn, listeners: Listeners) -> None:
        self._client, self._stack, self._listeners = client, stack, listeners
        self._signed_in: tuple[str, str] | None = None

    async def take(self, line: Line) -> Entry | None:
        route = "alerts" if line.kind == "alert" else "events"
        content_type = "application/json" if line.kind == "alert" or _is_bare(line) else "application/cloudevents+json"
        ids = await self._post(route, line, content_type)
        if line.kind == "alert":
            return Entry(INSIGHTS.name, ALERT_FIRED, safe_id(ALERTS_SOURCE, ids[0]))
        kind = line.subject or ""
        key = safe_id(EVENTS_SOURCE, ids[0]) if _is_bare(line) else line.key or ""
        return Entry(self._listeners.topic_of(kind).name, kind, key)

    async def _post(self, route: str, line: Line, content_type: str) -> list[str]:
        url, token = self._address()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type, "Idempotency-Key": line.message_id}
        answer = await self._client.post(f"{url}/api/{route}", content=line.text.encode(), headers=headers)
        for wait in WAITS:
            if answer.status_code not in PASSING:
                break
            await asyncio.sleep(wait)
            answer = await self._client.post(f"{url}/api/{route}", content=line.text.encode(), headers=headers)
        if answer.status_code == HTTPStatus.ACCEPTED:
            return [str(each) for each in answer.json()["ids"]]
        if answer.is_client_error:
            raise Refused(f"by {SOURCES}: {_problem(answer)}")
        raise StackError(f"{SOURCES} answered {answer.status_code} to POST /api/{route}: {answer.text[:300]}")

    def _address(self) -> tuple[str, str]:
        """Where the door is, and the token that opens it."""
        if self._signed_in is None:
            if SOURCES not in [pattern.name for pattern in self._listeners.patterns]:
                raise Refused(f"no door takes it: `{SOURCES}` is not registered (services/registry.py)")
            self._signed_in = self._stack.url_of(SOURCES), self._stack.token(roles=ROLES, name=CALLER)
        return self._signed_in


class DatabaseDoor:
    """A write by somebody else: read, merged, written, as long as nobody came between."""

    def __init__(self, cosmos: CosmosClient, patterns: tuple[Topology, ...]) -> None:
        self._database = cosmos.get_database_client(DATABASE)
        used = (c for p in patterns for c in (*p.keeps, *p.reads, *(feed.container for feed in p.feeds)))
        self._containers = {container.name: container for container in used}

    async def take(self, line: Line) -> Entry | None:
        container, document = self._read(line)
        partition, name = str(document[container.partition_key]), str(document["id"])
        try:
            written = await self._merge(container, partition, document)
        except ValueError as error:  # the SDK's own, about an id
            raise Refused(f"by the Cosmos DB SDK: `id` {name[:60]!r}: {error}") from error
        except CosmosHttpResponseError as error:
            if error.status_code not in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
                raise
            raise Refused(f"by Cosmos DB: {error.message}") from error
        return Entry(place=Place(container.name, partition, name), etag=written["_etag"], ts=written["_ts"])

    async def _merge(self, container: Container, partition: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        items = self._database.get_container_client(container.name)
        while True:
            with suppress(CosmosAccessConditionFailedError, CosmosResourceExistsError):
                try:
                    there = await items.read_item(document["id"], partition_key=partition)
                except CosmosResourceNotFoundError:
                    return await items.create_item(dict(document))
                merged = {**there, **document}
                return await items.replace_item(
                    document["id"], merged, etag=there["_etag"], match_condition=MatchConditions.IfNotModified
                )

    def _read(self, line: Line) -> tuple[Container, Mapping[str, Any]]:
        content = json.loads(line.text)
        container = self._containers.get(str(content["write"]))
        if container is None:
            known = ", ".join(sorted(self._containers))
            raise Refused(f"`write` is {content['write']!r}; the registered patterns use {known}")
        document: Any = content.get("document")
        needed = ("id", container.partition_key)
        given = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
        if not all(isinstance(given.get(name), str) for name in needed):
            raise Refused(f"`document` must be an object with text under {' and '.join(needed)}")
        return container, given


class Doors:
    """All of them; a line finds its own."""

    def __init__(self, topic: Door, http: Door, database: Door, listeners: Listeners) -> None:
        self._topic, self._http, self._database, self._listeners = topic, http, database, listeners

    def of(self, line: Line) -> Door:
        if line.kind == "write":
            return self._database
        if line.kind == "alert" or self._listeners.topic_of(line.subject) != DATA_CHANGES:
            return self._http
        return self._topic


def _is_bare(line: Line) -> bool:
    return line.key is not None and open_envelope(delivery_of(line.text, line.message_id)).source == BARE


def _problem(answer: httpx.Response) -> str:
    """The refusal in a line: what is wrong with the event, else with the request."""
    with suppress(ValueError, KeyError, TypeError, IndexError):
        problem: Any = answer.json()
        for bad in problem.get("events", []):
            return f"{answer.status_code} {bad['reason']}: {bad['description']}"
        return f"{answer.status_code} {problem['detail']}"
    return f"{answer.status_code} {answer.text[:200]}"

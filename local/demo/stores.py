"""emulators, or Azure -> the world: markers, answers, dead letters, versions and what is on its way

Looked at with the official clients, and nothing is changed. Ten thousand documents must not be read four times a
second: each container's change feed tells what is new since the last look, and `dead-letters` is peeked from where it
ended.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.servicebus import ServiceBusMessageState, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.demo.feeds import Feeds, feeds_of
from local.demo.lines import delivery_of
from local.demo.world import DeadLetter, Document, Entry, Identity, Place, Version, World
from services.entities import DATABASE, DEAD_LETTERS, DECISIONS
from services.kernel.authorship import DECIDED_BY, is_as_ai_wrote_it
from services.kernel.delivery import ATTEMPT, FIRST_ID
from services.kernel.event import open_envelope
from services.kernel.outcome import Park
from services.kernel.topology import Container, Subscription, Topology

PAGE = 250


@dataclass
class _Known:
    """What was seen of one container: where its change feed was left, and each document as it was last."""

    container: Container
    continuation: str = ""
    markers: dict[str, Document] = field(default_factory=dict[str, Document])
    decisions: dict[str, Document] = field(default_factory=dict[str, Document])
    versions: dict[Place, list[Version]] = field(default_factory=dict[Place, list[Version]])


class Stores:
    """The stores of all registered patterns."""

    def __init__(self, bus: ServiceBusClient, cosmos: CosmosClient, patterns: tuple[Topology, ...]) -> None:
        self._bus = bus
        self._database = cosmos.get_database_client(DATABASE)
        self._receivers: dict[tuple[str, str | None], ServiceBusReceiver] = {}
        self._feeds: Feeds = feeds_of(patterns)
        keeps = {c.name: c for p in patterns for c in p.keeps if c.expires}
        fed = {feed.container.name: feed.container for p in patterns for feed in p.feeds}
        self._known = [_Known(container) for container in {**keeps, **fed, DECISIONS.name: DECISIONS}.values()]
        self._keeps = tuple(keeps.values())
        self._subscriptions = tuple(one for pattern in patterns for one in pattern.listens)
        self._dead: dict[int, DeadLetter] = {}

    async def look(self, entries: Mapping[int, Entry], refused: Mapping[int, str]) -> World:
        """What has become of everything; what is on its way is not looked for (`on_its_way`), so it is not settled."""
        for known in self._known:
            await self._read_on(known)
        for message in await self._peek(DEAD_LETTERS.name, after=max(self._dead, default=0)):
            self._dead[message.sequence_number or 0] = dead_letter(message)
        markers: dict[str, list[Document]] = {}
        for known in self._known:
            for marker in known.markers.values():
                markers.setdefault(marker["event_key"], []).append(marker)
        return World(
            markers=markers,
            decisions=[decision for known in self._known for decision in known.decisions.values()],
            dead=tuple(self._dead.values()),
            versions={place: shown for known in self._known for place, shown in known.versions.items()},
            outbox=1,
            entries=dict(entries),
            refused=dict(refused),
        )

    async def on_its_way(self) -> tuple[int, int]:
        """How many outbox records there are, and how many messages or sessions wait for somebody."""
        outbox = sum([await self._outbox(container) for container in self._keeps])
        waiting = sum(await asyncio.gather(*(self._waiting(one) for one in self._subscriptions)))
        return outbox, waiting

    async def _read_on(self, known: _Known) -> None:
        """The change feed from where it was left. A look that fails midway leaves it there: all comes again."""
        heads: list[Mapping[str, Any]] = []
        place: dict[str, Any] = {"continuation": known.continuation} if known.continuation else {}
        pages = self._container(known.container).query_items_change_feed(
            **(place or {"start_time": "Beginning"}), response_hook=lambda headers, _: heads.append(headers)
        )
        _take_in(known, [item async for item in pages], self._feeds)
        if heads:
            known.continuation = str(heads[-1]["etag"])

    async def _outbox(self, container: Container) -> int:
        counted = self._container(container).query_items("SELECT VALUE COUNT(1) FROM c WHERE c.kind = 'outbox'")
        return sum([cast("int", count) async for count in counted])

    async def _waiting(self, subscription: Subscription) -> int:
        """Messages that are due; where they come in sessions, the sessions that have some."""
        if subscription.topic.sessions:
            sessions = self._bus.list_subscription_sessions(subscription.topic.name, subscription.name)
            return len([session async for session in sessions])
        peeked = await self._peek(subscription.topic.name, subscription.name)
        return sum(message.state != ServiceBusMessageState.SCHEDULED for message in peeked)

    async def _peek(
        self, entity: str, subscription: str | None = None, after: int = 0
    ) -> list[ServiceBusReceivedMessage]:
        receiver = self._receiver(entity, subscription)
        found: list[ServiceBusReceivedMessage] = []
        next_number = after + 1  # 0 would mean: go on after what was peeked last
        while page := await receiver.peek_messages(max_message_count=PAGE, sequence_number=next_number):
            found += page
            next_number = (page[-1].sequence_number or 0) + 1
        return found

    def _receiver(self, entity: str, subscription: str | None) -> ServiceBusReceiver:
        """Kept open, for closing one takes the SDK a second; it opens its link again by itself."""
        if (entity, subscription) not in self._receivers:
            self._receivers[entity, subscription] = (
                self._bus.get_subscription_receiver(entity, subscription)
                if subscription
                else self._bus.get_queue_receiver(entity)
            )
        return self._receivers[entity, subscription]

    def _container(self, container: Container) -> ContainerProxy:
        return self._database.get_container_client(container.name)


def _take_in(known: _Known, documents: Iterable[Document], feeds: Feeds) -> None:
    for document in documents:
        kind = document.get("kind")
        if known.container is DECISIONS:
            known.decisions[document["_rid"]] = document
        elif kind == "inbox":
            known.markers[document["_rid"]] = document
        elif kind != "outbox" and (events := feeds.events(known.container.name, document)):
            place = Place(known.container.name, document[known.container.partition_key], document["id"])
            shown = known.versions.setdefault(place, [])
            if document["_etag"] not in [version.etag for version in shown]:
                shown.append(Version(document["_etag"], document["_ts"], events, _cause(document)))


def _cause(document: Document) -> str:
    """The event that a pattern wrote this version for: the record says so, as long as nobody else has changed it."""
    return str(document[DECIDED_BY].get("event", "")) if is_as_ai_wrote_it(document) else ""


def dead_letter(message: ServiceBusReceivedMessage) -> DeadLetter:
    """An entry of `dead-letters`, which the kernel has put there, or the broker."""
    raw = cast("dict[bytes | str, Any]", message.application_properties or {})
    properties = {_text(key): value for key, value in raw.items()}
    first = _text(properties.get(FIRST_ID, message.message_id or ""))
    attempt = properties.get(ATTEMPT, 1)
    body = b"".join(cast("Sequence[bytes]", message.body)).decode("utf-8", "replace")
    identity, event_type = Identity(first, body), ""
    try:
        envelope = open_envelope(delivery_of(body, first))
        identity, event_type = Identity(envelope.key, envelope.fingerprint), envelope.type
    except Park:
        pass  # it is in there because it cannot be read
    return DeadLetter(
        identity=identity,
        reason=_text(properties.get("DeadLetterReason", "unrouted")),
        description=_text(properties.get("DeadLetterErrorDescription", "")),
        subscription=_text(properties.get("subscription", "")),
        attempt=attempt if isinstance(attempt, int) else 1,
        origin=_text(properties.get("origin", message.message_id or first)),
        event_type=event_type,
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

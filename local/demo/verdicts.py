"""stores -> one verdict per line: what became of it is looked up, never assumed.

committed, stale   an inbox marker says so
dead-lettered      it lies in `dead-letters`, with a reason
duplicate          an earlier line has the same id and content, and a verdict: nothing was added
refused            the broker did not take it
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

from local.demo.lines import Line
from services.entities import DATABASE, DEAD_LETTERS, DECISIONS
from services.kernel.delivery import ATTEMPT, FIRST_ID
from services.kernel.topology import Container, Subscription

PAGE = 250


@dataclass(frozen=True)
class DeadLetter:
    """An entry of `dead-letters`. `origin` names the delivery it came from: parking twice is still one verdict."""

    message_id: str
    reason: str
    description: str
    subscription: str
    attempt: int
    body: str
    origin: str


@dataclass(frozen=True)
class Verdict:
    """What became of one line, and how it is known."""

    kind: str
    detail: str
    why: str = ""


@dataclass(frozen=True)
class World:
    """What the stores say at one moment."""

    markers: dict[str, list[dict[str, Any]]]
    decisions: list[dict[str, Any]]
    dead: tuple[DeadLetter, ...]
    outbox: int
    waiting: int
    refused: dict[int, str] = field(default_factory=dict[int, str])

    def verdicts(self, lines: Sequence[Line]) -> dict[int, list[Verdict]]:
        """Every line's verdicts: exactly one each, if all is well."""
        dead: defaultdict[tuple[str, str], list[DeadLetter]] = defaultdict(list)
        for origin in {entry.origin: entry for entry in self.dead}.values():
            dead[origin.message_id, origin.body].append(origin)
        first: dict[tuple[str, str], int] = {}
        found: dict[int, list[Verdict]] = {}
        for line in lines:
            letters = dead[line.message_id, line.text]
            earlier = first.setdefault((line.key, line.fingerprint), line.number) if line.key else line.number
            if earlier == line.number:
                found[line.number] = self._of(line, letters)
            elif letters:
                found[line.number] = [_parked(letters.pop(0))]
            else:  # it added nothing, if the first of its id and content has its verdict
                found[line.number] = [Verdict("duplicate", "as an earlier line")] if found[earlier] else []
        return found

    def _of(self, line: Line, letters: list[DeadLetter]) -> list[Verdict]:
        """What the stores hold about a line: the marker of another content under the same id is not its own."""
        verdicts = [_parked(letters.pop(0))] if letters else []
        if line.number in self.refused:
            verdicts.append(Verdict("refused", self.refused[line.number]))
        return verdicts + [
            Verdict(marker["verdict"], marker["consumer"])
            for marker in self.markers.get(line.key or "", [])
            if marker["fingerprint"] == line.fingerprint
        ]

    @property
    def settled(self) -> bool:
        """Nothing is on its way any more."""
        return not self.outbox and not self.waiting


def _parked(letter: DeadLetter) -> Verdict:
    return Verdict("dead-lettered", letter.reason, letter.description)


class Stores:
    """Looks, with the official clients, and changes nothing."""

    def __init__(self, bus: ServiceBusClient, cosmos: CosmosClient) -> None:
        self._bus = bus
        self._receivers: dict[tuple[str, str | None], ServiceBusReceiver] = {}
        self._database = cosmos.get_database_client(DATABASE)

    async def look(
        self, containers: Sequence[Container], subscriptions: Sequence[Subscription], refused: dict[int, str]
    ) -> World:
        """The world as it is now."""
        markers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        outbox = 0
        for container in containers:
            for document in await _all(
                self._database.get_container_client(container.name),
                "SELECT c.kind, c.event_key, c.fingerprint, c.verdict, c.consumer, c.attempt, c.at FROM c "
                "WHERE c.kind = 'inbox' OR c.kind = 'outbox'",
            ):
                if document["kind"] == "outbox":
                    outbox += 1
                else:
                    markers[document["event_key"]].append(document)
        decisions = await _all(self._database.get_container_client(DECISIONS.name), "SELECT * FROM c")
        dead = tuple(_dead_letter(message) for message in await self._peek(DEAD_LETTERS.name))
        waiting = 0
        for subscription in subscriptions:
            waiting += len(await self._peek(subscription.topic.name, subscription.name))
        return World(dict(markers), decisions, dead, outbox, waiting, refused)

    async def _peek(self, entity: str, subscription: str | None = None) -> list[ServiceBusReceivedMessage]:
        receiver = self._receiver(entity, subscription)
        found: list[ServiceBusReceivedMessage] = []
        next_number = 1  # 0 would mean: go on after what was peeked last
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


async def _all(container: ContainerProxy, query: str) -> list[dict[str, Any]]:
    return [item async for item in container.query_items(query)]


def _dead_letter(message: ServiceBusReceivedMessage) -> DeadLetter:
    raw = cast("dict[bytes | str, Any]", message.application_properties or {})
    properties = {_text(key): value for key, value in raw.items()}
    first = _text(properties.get(FIRST_ID, message.message_id or ""))
    attempt = properties.get(ATTEMPT, 1)
    return DeadLetter(
        message_id=first,
        reason=_text(properties.get("DeadLetterReason", "unrouted")),
        description=_text(properties.get("DeadLetterErrorDescription", "")),
        subscription=_text(properties.get("subscription", "")),
        attempt=attempt if isinstance(attempt, int) else 1,
        body=b"".join(message.body).decode("utf-8", "replace"),
        origin=_text(properties.get("origin", message.message_id or first)),
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

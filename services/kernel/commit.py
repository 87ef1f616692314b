"""effects -> one transactional batch: state, outgoing events and the inbox marker, all or nothing.

The marker (`inbox~...`) says that this consumer has dealt with this event; it is created first, so a second commit of
the same event fails as a whole. Outgoing events wait in outbox records of the same partition until they are published.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

from azure.cosmos.exceptions import CosmosBatchOperationError

from services.entities import KEPT
from services.kernel.effects import Effects, Put
from services.kernel.event import Event, EventData
from services.kernel.ids import safe_id
from services.kernel.message import Outgoing, outgoing
from services.kernel.outcome import Conflict, Park, Retry
from services.kernel.store import PASSING, Document, Store, passing_trouble
from services.kernel.topology import Container, Subscription

MOST_OPERATIONS = 100
MOST_BYTES = 2 * 1024 * 1024 - 64 * 1024
"""Cosmos DB's limits for one batch: 100 operations, 2 MB of request; the rest is for what the service adds."""
ENVELOPE = 32
"""What an operation takes on the wire, `{"operationType": ...}`, beyond its arguments written as a JSON list."""
LARGEST_MESSAGE = 256 * 1024 - 8 * 1024
"""What Service Bus Standard takes, less the room that properties and the batch need."""
MOST_ANNOUNCED = 2_000
"""How many of the events that it led to a marker names, so that an event can be followed by its markers."""
OUTBOX_BYTES = 1024 * 1024
"""An outbox record is chunked above this, so that no document comes near Cosmos DB's 2 MB."""


class AlreadyDone(Exception):  # noqa: N818
    """The marker is there: this event has been dealt with."""


@dataclass(frozen=True)
class Home:
    """The partition that an event's effects live in."""

    container: Container
    partition: str


@dataclass(frozen=True)
class OutboxRecord:
    """Outgoing events that are committed and not yet known to be published."""

    home: Home
    id: str
    messages: tuple[Outgoing, ...]


def marker_id(consumer: Subscription, event_key: str) -> str:
    return f"inbox~{safe_id(consumer.name, event_key)}"


async def find_marker(store: Store, home: Home, consumer: Subscription, event: Event[EventData]) -> Document | None:
    """The marker that this consumer left for this event, if it did.

    Raises:
        Park: `id-reused`, if the marker was left for another content under the same id.
    """
    marker = await store.load(home.container, home.partition, marker_id(consumer, event.key))
    if marker:
        event.must_be(marker["fingerprint"])
    return marker


async def commit(
    store: Store, home: Home, consumer: Subscription, event: Event[EventData], effects: Effects, *, attempt: int
) -> tuple[OutboxRecord, ...]:
    """Make the effects happen, once; `attempt` is written down.

    Returns the outbox records to publish.

    Raises:
        AlreadyDone: if this event was committed before.
        Conflict: if an ETag does not match, or a document that should be new is there.
        Park: `too-much`, if the effects do not fit one batch, or an event does not fit a message.
    """
    marker: Document = {
        "id": marker_id(consumer, event.key),
        "kind": "inbox",
        "consumer": consumer.name,
        "event_key": event.key,
        "event_id": event.id,
        "event_type": event.type,
        "fingerprint": event.fingerprint,
        "verdict": effects.verdict,
        "note": effects.note,
        "attempt": attempt,
        "at": datetime.now(UTC).isoformat(),
        "ttl": int(KEPT.total_seconds()),
    }
    records = _outbox_records(home, consumer, event, effects)
    marker["announced"] = [_announced(message) for record in records for message in record.messages][:MOST_ANNOUNCED]
    documents = [marker, *(_outbox_document(record) for record in records)]
    operations = [_create(home, document) for document in documents]
    operations += [_write(home, put) for put in effects.puts]
    _check_limits(operations)
    try:
        async with passing_trouble():
            await (await store.container(home.container)).execute_item_batch(
                cast("Any", operations), partition_key=home.partition
            )
    except CosmosBatchOperationError as error:
        raise _why(error) from error
    return records


def _write(home: Home, put: Put) -> tuple[Any, ...]:
    document: Document = {"id": home.partition, **put.document, home.container.partition_key: home.partition}
    if put.etag is None:
        return ("create", (document,))
    return ("replace", (document["id"], document), {"if_match_etag": put.etag})


def _create(home: Home, document: Document) -> tuple[Any, ...]:
    return ("create", ({**document, home.container.partition_key: home.partition},))


def _outbox_records(
    home: Home, consumer: Subscription, event: Event[EventData], effects: Effects
) -> tuple[OutboxRecord, ...]:
    chunks: list[list[Outgoing]] = []
    size = OUTBOX_BYTES
    for number, announced in enumerate(effects.events):
        message = outgoing(announced, cause=event, consumer=consumer, number=number)
        if len(message.body) > LARGEST_MESSAGE:
            raise Park("too-much", f"a message of {len(message.body):,} bytes; allowed are {LARGEST_MESSAGE:,}")
        if size + len(message.body) > OUTBOX_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(message)
        size += len(message.body)
    name = f"outbox~{safe_id(consumer.name, event.key)}"
    return tuple(OutboxRecord(home, f"{name}~{at}", tuple(messages)) for at, messages in enumerate(chunks))


def _announced(message: Outgoing) -> Document:
    """Where an event went on to, for whoever follows it: topic, type, key, and when, if it waits."""
    at = {"at": message.at.isoformat()} if message.at else {}
    return {"topic": message.topic, "type": message.subject, "key": message.event_key, **at}


def _outbox_document(record: OutboxRecord) -> Document:
    return {
        "id": record.id,
        "kind": "outbox",
        "at": datetime.now(UTC).isoformat(),
        "messages": [message.model_dump(mode="json") for message in record.messages],
    }


def weight(operation: tuple[Any, ...]) -> int:
    """Bytes of the request that this operation takes, as the SDK writes it: compact JSON, non-ASCII escaped."""
    return len(json.dumps(operation, separators=(",", ":"))) + ENVELOPE


def _check_limits(operations: Sequence[tuple[Any, ...]]) -> None:
    size = sum(map(weight, operations))
    if len(operations) > MOST_OPERATIONS or size > MOST_BYTES:
        raise Park(
            "too-much",
            f"{len(operations)} operations and {size:,} bytes in one commit; "
            f"allowed are {MOST_OPERATIONS} and {MOST_BYTES:,}",
        )


def _why(error: CosmosBatchOperationError) -> Exception:
    """Which operation stopped the batch: the marker is the first."""
    stopped_at = cast("int | None", error.error_index)
    if stopped_at == 0 and error.status_code == HTTPStatus.CONFLICT:
        return AlreadyDone()
    if error.status_code in PASSING:
        return Retry("store-busy", f"operation {stopped_at} of the batch answered {error.status_code}")
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
        return Conflict(f"operation {stopped_at} answered {error.status_code}")
    return error

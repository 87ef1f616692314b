"""container `events` -> the case, and facts -> documents that are created and never changed.

A stream is a partition. Event number 12 is the document `000000000012`: who appends creates the versions that must not
be there yet, so of two writers one gets a conflict and decides again on what the other wrote. Every `SNAPSHOT_EVERY`
events the case itself is written beside them: a command reads the last snapshot and what follows it, however long the
stream is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from services.entities import EVENTS
from services.event_sourcing.aggregate import SCHEMA, Case, evolve
from services.event_sourcing.events import Fact
from services.event_sourcing.upcasters import lift
from services.kernel.effects import Put
from services.kernel.ids import safe_id
from services.kernel.outcome import Retry
from services.kernel.store import Document
from services.kernel.topology import Container

SNAPSHOT_EVERY = 50
"""Small enough that what follows a snapshot comes in one page of a query (100 documents)."""


class Documents(Protocol):
    """Whoever can query: the ports of a handler, the store behind a door."""

    async def query(
        self,
        container: Container,
        text: str,
        parameters: Mapping[str, object] | None = None,
        *,
        partition: str | None = None,
    ) -> list[Document]: ...


@dataclass(frozen=True)
class Recorded:
    """One event as it stands in a stream. The first one of an append knows the command that led to it."""

    version: int
    type: str
    fact: Fact
    at: datetime
    cause: str
    command: Document | None
    ai_metadata: Document | None


@dataclass(frozen=True)
class Past:
    """A case, and the version of the snapshot that it was read from (0: from the beginning)."""

    case: Case
    snapshot: int = 0


@dataclass(frozen=True)
class Append:
    """What is added to a stream: documents to create, and the case after each fact."""

    puts: tuple[Put, ...]
    cases: tuple[Case, ...]
    past: Past
    """What a next append starts from."""


@dataclass(frozen=True)
class Reason:
    """Why facts are appended: the command, what was seen when it was decided, and what was decided."""

    cause: str
    command: Document
    ai_metadata: Document | None = field(default=None)


def stream_of(case_id: str) -> str:
    """The stream of a case: a partition of `events`, its view in `views`, the session of its commands."""
    return safe_id("case", case_id)


async def load(documents: Documents, stream: str, version: int | None = None) -> Past:
    """The case now, or as it was at a version: two queries in one partition, whatever the stream's length."""
    snapshots = await documents.query(
        EVENTS,
        "SELECT TOP 1 * FROM c WHERE c.kind = 'snapshot' AND c.schema = @schema AND c.version <= @version "
        "ORDER BY c.version DESC",
        {"schema": SCHEMA, "version": _last(version)},
        partition=stream,
    )
    start = Case.model_validate(snapshots[0]["state"]) if snapshots else Case()
    return Past(fold(start, await read(documents, stream, after=start.version, to=version)), start.version)


async def read(
    documents: Documents, stream: str, *, after: int = 0, to: int | None = None, at_most: int | None = None
) -> list[Recorded]:
    """Events of a stream in their order, lifted to today's shape."""
    top = f"TOP {at_most} " if at_most else ""
    found = await documents.query(
        EVENTS,
        f"SELECT {top}* FROM c WHERE c.kind = 'event' AND c.version > @after AND c.version <= @to "  # noqa: S608
        "ORDER BY c.version",
        {"after": after, "to": _last(to)},
        partition=stream,
    )
    return [_recorded(document) for document in found]


async def version_at(documents: Documents, stream: str, moment: datetime) -> int:
    """The version that a stream had at a time; 0 if it was not there yet."""
    found = await documents.query(
        EVENTS,
        "SELECT TOP 1 * FROM c WHERE c.kind = 'event' AND c.timestamp <= @moment ORDER BY c.version DESC",
        {"moment": stamp(moment)},
        partition=stream,
    )
    return int(found[0]["version"]) if found else 0


def fold(case: Case, recorded: Sequence[Recorded]) -> Case:
    """The case after these events.

    Raises:
        Retry: `events-missing`, if one is left out: what was read is not all that is there.
    """
    for event in recorded:
        if event.version != case.version + 1:
            raise Retry("events-missing", f"version {event.version} follows {case.version}")
        case = evolve(case, event.fact, event.at)
    return case


def append(stream: str, past: Past, facts: Sequence[Fact], reason: Reason, now: datetime) -> Append:
    """The documents of these facts, and a snapshot if the last one is long ago. Time never goes back in a stream."""
    at = max(now, past.case.at or now)
    puts: list[Put] = []
    cases: list[Case] = []
    case = past.case
    for fact in facts:
        case = evolve(case, fact, at)
        cases.append(case)
        puts.append(Put(_document(stream, case.version, fact, at, reason, first=not puts)))
    due = case.version - past.snapshot >= SNAPSHOT_EVERY
    if due:
        puts.append(Put(snapshot(stream, case)))
    return Append(tuple(puts), tuple(cases), Past(case, case.version if due else past.snapshot))


def snapshot(stream: str, case: Case) -> Document:
    return {
        "id": f"snapshot~{case.version:012}",
        "kind": "snapshot",
        "stream": stream,
        "version": case.version,
        "schema": SCHEMA,
        "state": case.model_dump(mode="json"),
    }


def stamp(moment: datetime) -> str:
    """A time as it is written: in UTC and of one length, so that it sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _document(stream: str, version: int, fact: Fact, at: datetime, reason: Reason, *, first: bool) -> Document:
    return {
        "id": f"{version:012}",
        "kind": "event",
        "stream": stream,
        "version": version,
        "type": fact.TYPE,
        "schema": fact.SCHEMA,
        "data": fact.model_dump(mode="json"),
        "timestamp": stamp(at),
        "ai_metadata": reason.ai_metadata,
        "cause": reason.cause,
        "command": reason.command if first else None,
    }


def _recorded(document: Mapping[str, Any]) -> Recorded:
    return Recorded(
        version=document["version"],
        type=document["type"],
        fact=lift(document["type"], document["schema"], document["data"]),
        at=datetime.fromisoformat(document["timestamp"]),
        cause=document["cause"],
        command=document["command"],
        ai_metadata=document["ai_metadata"],
    )


def _last(version: int | None) -> int:
    return 2**53 if version is None else version

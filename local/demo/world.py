"""What the stores say at one moment, as plain data: read by local/demo/stores.py, judged by local/demo/verdicts.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Identity(NamedTuple):
    """What tells one event from another: key and content; for what cannot be read, message id and text."""

    key: str
    content: str


@dataclass(frozen=True)
class DeadLetter:
    """An entry of `dead-letters`. `origin` names the delivery it came from: parking twice is still one verdict.

    `subscription` is empty where the broker moved it, or where nobody listened.
    """

    identity: Identity
    reason: str
    description: str
    subscription: str
    attempt: int
    origin: str
    event_type: str = ""


class Place(NamedTuple):
    """Where a document stands."""

    container: str
    partition: str
    id: str


@dataclass(frozen=True)
class Event:
    """An event on its way to its listeners. `content` is known of what came in; `at` of what waits."""

    topic: str
    type: str
    key: str
    content: str = ""
    at: str = ""


@dataclass(frozen=True)
class Version:
    """A version of a document that a change feed showed, the events that the patterns which read it make of it, and
    the event that a pattern wrote it for.
    """

    etag: str
    ts: int
    events: Sequence[Event] = ()
    cause: str = ""


@dataclass(frozen=True)
class Entry:
    """How an input line came in: as which event on which topic, or as which version of which document."""

    topic: str = ""
    type: str = ""
    key: str = ""
    place: Place | None = None
    etag: str = ""
    ts: int = 0


@dataclass(frozen=True)
class World:
    """Markers by event key, answers, dead letters, versions of documents; how much is on its way; and when that was.

    `entries` and `refused` are what the doors said, by line: what they took in (an event that went to the broker as it
    is needs no entry), and what they refused.
    """

    markers: Mapping[str, Sequence[Document]] = field(default_factory=dict[str, Sequence[Document]])
    decisions: Sequence[Document] = ()
    dead: Sequence[DeadLetter] = ()
    versions: Mapping[Place, Sequence[Version]] = field(default_factory=dict[Place, Sequence[Version]])
    outbox: int = 0
    waiting: int = 0
    entries: Mapping[int, Entry] = field(default_factory=dict[int, Entry])
    refused: Mapping[int, str] = field(default_factory=dict[int, str])
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def settled(self) -> bool:
        """Nothing is on its way any more, but for what waits for a later hour."""
        return not self.outbox and not self.waiting

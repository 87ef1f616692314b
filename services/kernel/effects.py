"""What a decision changes: documents of one partition, and events that say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.kernel.topology import Topic

Verdict = Literal["committed", "stale"]
"""How an event that was understood ended: it took effect, or something newer had already."""


@dataclass(frozen=True)
class Put:
    """Write a document into the home partition: over the version with this ETag, or (None) only if it is not there.

    A document without an id of its own is the one that the partition is about, and is called like it.
    """

    document: Mapping[str, Any]
    etag: str | None = None


@dataclass(frozen=True)
class Announce:
    """Publish an event on a topic. `session` is the ordering key of a session topic, `at` delays it."""

    topic: Topic
    type: str
    data: BaseModel
    session: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Effects:
    """All of it happens, or nothing (services/kernel/commit.py). `note` says in a few words why."""

    puts: tuple[Put, ...] = ()
    events: tuple[Announce, ...] = ()
    verdict: Verdict = "committed"
    note: str = ""


def stale(note: str) -> Effects:
    """Something newer is already there: remember that this event was seen, change nothing."""
    return Effects(verdict="stale", note=note)

"""What is kept per recipient: counters, digest, deliveries; each a document of the recipient's partition

Every admission writes `counters` over the version it has read: two at once cannot both take the last slot.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.entities import KEPT
from services.kernel.effects import Put
from services.notifications.directory import Recipient
from services.notifications.localtime import local_day

COUNTERS = "counters"
DIGEST = "digest"
DUPLICATE_WINDOW = timedelta(hours=1)
"""The same news within this time is told once."""
CANCELLED_FOR = timedelta(days=2)
"""How long a cancellation is remembered against promises that arrive late; none is on its way longer."""

Status = Literal["admitted", "sent", "deferred", "digested", "suppressed", "cancelled"]


class Counters(BaseModel):
    """What was admitted lately. Times are of admission, not of sending."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    day: str = ""
    today: int = 0
    recent: tuple[datetime, ...] = ()
    seen: dict[str, datetime] = {}
    cancelled: dict[str, datetime] = {}

    def on(self, day: str) -> int:
        """How many were admitted on this local day."""
        return self.today if self.day == day else 0

    def within(self, recipient: Recipient, now: datetime) -> int:
        """How many were admitted within the window of the recipient's throttle."""
        since = now - timedelta(minutes=recipient.throttle.minutes)
        return sum(at > since for at in self.recent)

    def told(self, dedupe: str, now: datetime) -> "Counters":
        """Remember that this news was dealt with."""
        seen = {key: at for key, at in self.seen.items() if at > now - DUPLICATE_WINDOW}
        return self.model_copy(update={"seen": {dedupe: now, **seen}})

    def claimed(self, recipient: Recipient, now: datetime) -> "Counters":
        """One slot less."""
        day = local_day(recipient, now)
        since = now - timedelta(minutes=recipient.throttle.minutes)
        recent = (*(at for at in self.recent if at > since), now)
        return self.model_copy(update={"day": day, "today": self.on(day) + 1, "recent": recent})

    def released(self, claimed_at: datetime, day: str) -> "Counters":
        """A slot that was claimed and is not used after all."""
        recent = tuple(at for at in self.recent if at != claimed_at)
        today = self.today - 1 if self.day == day and self.today else self.today
        return self.model_copy(update={"today": today, "recent": recent})

    def cancelling(self, key: str, at: datetime, now: datetime) -> "Counters":
        kept = {other: then for other, then in self.cancelled.items() if then > now - CANCELLED_FOR}
        return self.model_copy(update={"cancelled": {**kept, key: max(at, kept.get(key, at))}})


class Item(BaseModel):
    """One entry of a digest."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delivery_id: str
    category: str
    title: str
    text: str
    cancellation: str = ""


class Digest(BaseModel):
    """What waits for a recipient's digest hour."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    items: tuple[Item, ...] = ()
    due_at: datetime | None = None


class Explained(BaseModel):
    """What one rule said."""

    model_config = ConfigDict(frozen=True)

    rule: str
    outcome: str
    why: str


class Delivery(BaseModel):
    """One message to one recipient: what became of it, and why, rule by rule."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    status: Status
    notification: dict[str, Any]
    explained: tuple[Explained, ...] = ()
    until: datetime | None = None
    claimed_at: datetime | None = None
    claimed_day: str = ""
    sent_at: datetime | None = None
    channel: str = ""
    items: tuple[str, ...] = ()
    """A digest's deliveries."""


def text_of(moment: datetime) -> str:
    """The spelling that stored times have, so that a query may compare them as text: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def etag(document: Mapping[str, Any] | None) -> str | None:
    return document["_etag"] if document else None


def put(kind: str, document_id: str, model: BaseModel, loaded: Mapping[str, Any] | None) -> Put:
    """Write a document of the recipient's partition over the version that was loaded."""
    expires = {"ttl": int(KEPT.total_seconds())} if kind == "delivery" else {}
    return Put({**model.model_dump(mode="json"), "id": document_id, "kind": kind, **expires}, etag(loaded))

"""a message + the item as it is now + the last analysed version + the answer -> effects, purely

The item as it is now is what counts, not the one that the message is about: the first message of a burst covers the
others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.cdc.delta import Delta, delta
from services.cdc.events import ChangeDetected, ItemChanged, Operation
from services.cdc.fields import Kind, kind_of, relevant
from services.cdc.questions import ChangeAnswer
from services.cdc.snapshot import snapshot
from services.entities import INSIGHTS, KEPT
from services.kernel.ask import Answered
from services.kernel.authorship import is_as_ai_wrote_it
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event

Record = Mapping[str, Any]

LONGEST_CUSTOMER = 500
GONE = "gone"
"""The etag of an item that is not there any more."""


@dataclass(frozen=True)
class Sight:
    """An item as it is now (None: it is not there) beside its last analysed version (None: never seen)."""

    item: Record | None
    known: Record | None

    @property
    def etag(self) -> str:
        return str(self.item["_etag"]) if self.item else GONE

    @property
    def is_deleted(self) -> bool:
        """Softly, with the mark that the business sets, or for good."""
        return self.item is None or self.item.get("deleted") is True

    @property
    def was_deleted(self) -> bool:
        return self.known is not None and self.known["operation"] == "delete"

    @property
    def operation(self) -> Operation:
        """What has become of the item since; one that was deleted and is there again is a new one."""
        if self.is_deleted:
            return "delete"
        return "create" if self.known is None or self.was_deleted else "update"

    @property
    def kind(self) -> Kind:
        return kind_of(self.item) if self.item else (self.known or {}).get("item_kind", "other")

    @property
    def customer_id(self) -> str:
        """Whom it concerns, as our own records say."""
        customer = (self.item or {}).get("customer_id")
        if isinstance(customer, str):
            return customer[:LONGEST_CUSTOMER]
        return (self.known or {}).get("customer_id", "")

    @property
    def between(self) -> str:
        """Names the two versions that a question is about: another pair is another question."""
        return f"{(self.known or {}).get('etag', '')}~{self.etag}"

    def delta(self) -> Delta:
        """What differs in the fields that are looked at; of a deleted item what it said, of a new one what it says."""
        before: Record = {} if self.operation == "create" else (self.known or {}).get("content", {})
        return delta(before, {} if self.is_deleted else relevant(self.item or {}))


def is_behind(event: Event[ItemChanged], sight: Sight) -> bool:
    """Whether the item was read from a replica that has not seen yet what others have: it is older than the message, or
    than what was analysed already.

    Reads are of session consistency, and the feed's session is not ours.
    """
    seen = max(int(event.data.time.timestamp()), (sight.known or {}).get("written", 0))
    return sight.item is not None and int(sight.item["_ts"]) < seen


def why_stale(event: Event[ItemChanged], sight: Sight) -> str | None:
    """Why nothing is left to do about this message, or None."""
    if sight.item is None and sight.known is None:
        return "gone before it was looked at"
    if sight.known is not None and sight.known["etag"] == sight.etag:
        return "covered"
    if sight.item is None and sight.was_deleted:
        return "covered: the item was deleted"
    if sight.item is not None and event.data.by_ai and event.data.etag != sight.etag:
        return "overtaken: AI wrote this version, and a message about a newer one follows"
    return None


def why_not_asked(event: Event[ItemChanged], sight: Sight, changes: Delta) -> str | None:
    """Why this version becomes the one to compare with, without a question; None if it should be asked about.

    What AI wrote is passed over only when the message too is about AI's writing. Else somebody has written before AI
    did, and nobody has looked at it.
    """
    if sight.item is not None and event.data.by_ai and is_as_ai_wrote_it(sight.item):
        return "as AI wrote it"
    if sight.is_deleted and (sight.known is None or sight.was_deleted):
        return "deleted before it was looked at" if sight.known is None else "still deleted"
    if not sight.is_deleted and not changes.count:
        return "nothing that matters changed"
    return None


def remember(event: Event[ItemChanged], sight: Sight, note: str, now: datetime) -> Effects:
    """The version to compare with next time, without a word to anybody."""
    return Effects((_version(event, sight, {"note": note}, now),), note=note)


def analyse(
    event: Event[ItemChanged], sight: Sight, changes: Delta, answered: Answered[ChangeAnswer], now: datetime
) -> Effects:
    """The version with what was decided, and `change_detected` if the change matters.

    Nothing is started on an answer without confidence, nor for a change that does not matter: who listens may still
    look at it.
    """
    answer = answered.answer
    starts = answer.trigger_workflow and answer.significant_change and answer.confidence != "low"
    decided = {**answer.model_dump(mode="json"), "trigger_workflow": starts, "source": answered.source}
    insight = ChangeDetected(
        item_id=event.data.item.id,
        kind=sight.kind,
        operation=sight.operation,
        change_type=answer.change_type,
        trigger_workflow=starts,
        reason=answer.reason,
        changed=tuple(one.name for one in changes.told),
        customer_id=sight.customer_id,
        confidence=answer.confidence,
        source=answered.source,
    )
    announced = (Announce(INSIGHTS, insight.TYPE, insight),) if answer.significant_change else ()
    return Effects((_version(event, sight, decided, now),), announced)


def _version(event: Event[ItemChanged], sight: Sight, decided: Mapping[str, Any], now: datetime) -> Put:
    """What is remembered of this version. Of a deleted item nothing that it said, and the rest not for ever."""
    gone: dict[str, Any] = {"ttl": int(KEPT.total_seconds())} if sight.is_deleted else {}
    document = {
        "kind": "version",
        "ref": event.data.item.model_dump(),
        "item_kind": sight.kind,
        "customer_id": sight.customer_id,
        "etag": sight.etag,
        "written": (sight.item or {}).get("_ts", 0),
        "operation": sight.operation,
        "analysed_at": now.isoformat(),
        "decided": dict(decided),
        "content": {} if sight.is_deleted else snapshot(relevant(sight.item or {})),
        **gone,
    }
    return Put(document, (sight.known or {}).get("_etag"))

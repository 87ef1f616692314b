"""events -> the case, purely: which events are legal in which state, and what the case is after each.

A case is a fold over its stream and nothing else. It stays small however long the stream is: of the evidence the last
pieces are kept, or a snapshot would grow with the stream.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.event_sourcing.events import (
    CommandRejected,
    EvidenceAdded,
    Fact,
    RefundApproved,
    RefundEscalated,
    RefundOpened,
    RefundPaid,
    RefundRejected,
    RefundWithdrawn,
    ReviewRequested,
)

Status = Literal["new", "open", "in_review", "approved", "rejected", "paid", "withdrawn"]

SCHEMA = 1
"""The version of the case's own shape: a snapshot of another version is not used. Raise it with every change of `Case`
or of `evolve`."""

PIECES_KEPT = 3

OPEN_ENDED = ("evidence_added", "refund_approved", "refund_rejected", "refund_escalated", "refund_withdrawn")

LEGAL: dict[Status, tuple[str, ...]] = {
    "new": ("refund_opened",),
    "open": (*OPEN_ENDED, "review_requested"),
    "in_review": OPEN_ENDED,
    "approved": ("refund_paid", "refund_withdrawn"),
    "rejected": (),
    "paid": (),
    "withdrawn": (),
}
"""What may happen next. Besides, a command can be rejected in every state."""


class IllegalEvent(Exception):  # noqa: N818 - named for what it is
    """An event that this state does not allow: a fault of who decided, or a stream that somebody else wrote to."""


class Review(BaseModel):
    """What a person is asked."""

    model_config = ConfigDict(frozen=True)

    approval_id: str
    why: str
    asked_at: datetime
    expires_at: datetime


class Case(BaseModel):
    """A refund case as it is after `version` events."""

    model_config = ConfigDict(frozen=True)

    version: int = 0
    status: Status = "new"
    case_id: str = ""
    order_id: str = ""
    customer_id: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    pieces: int = 0
    escalated: bool = False
    review: Review | None = None
    decided_by: str = ""
    rejections: int = 0
    at: datetime | None = None
    """When the last event happened."""


def is_legal(case: Case, event_type: str) -> bool:
    if event_type == RefundEscalated.TYPE and case.escalated:
        return False
    return event_type == CommandRejected.TYPE or event_type in LEGAL[case.status]


def evolve(case: Case, fact: Fact, at: datetime) -> Case:
    """The case after this fact.

    Raises:
        IllegalEvent: if the state does not allow it.
    """
    if not is_legal(case, fact.TYPE):
        raise IllegalEvent(f"{fact.TYPE} after version {case.version}: a case that is {case.status} does not allow it")
    return case.model_copy(update={"version": case.version + 1, "at": at, **_changes(case, fact)})


def _changes(case: Case, fact: Fact) -> dict[str, object]:  # noqa: PLR0911 - one line a fact
    match fact:
        case RefundOpened():
            return {"status": "open", **dict(fact)}
        case EvidenceAdded():
            return {"evidence": (*case.evidence, fact.evidence)[-PIECES_KEPT:], "pieces": case.pieces + 1}
        case ReviewRequested():
            return {"status": "in_review", "review": Review(**dict(fact))}
        case RefundApproved():
            return {"status": "approved", "review": None, "decided_by": fact.by}
        case RefundRejected():
            return {"status": "rejected", "review": None, "decided_by": fact.by}
        case RefundEscalated():
            return {"escalated": True}
        case RefundPaid():
            return {"status": "paid"}
        case RefundWithdrawn():
            return {"status": "withdrawn", "review": None}
        case _:
            return {"rejections": case.rejections + 1, "case_id": case.case_id or getattr(fact, "case_id", "")}

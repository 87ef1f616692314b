"""What event sourcing listens to (commands), what it remembers (facts), and what it says of them (what happened)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.event import EventData

Id = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=4_000)]

# -- commands: what somebody wants of a case ---------------------------------------------------------------------------


class OpenRefund(EventData):
    """Somebody wants the money for an order back: all of it, for the amount is the order's, never the command's."""

    TYPE: ClassVar = "open_refund"

    case_id: Id
    order_id: Id
    reason: Text = ""


class AddEvidence(EventData):
    TYPE: ClassVar = "add_evidence"

    case_id: Id
    evidence: Annotated[Text, Field(min_length=1)]


class WithdrawRefund(EventData):
    TYPE: ClassVar = "withdraw_refund"

    case_id: Id


class PayRefund(EventData):
    """Announced to the case itself when it is approved; sent from outside, it is worth what the case's state says."""

    TYPE: ClassVar = "pay_refund"

    case_id: Id


class WhatIf(EventData):
    """Decide a case's recorded commands again, with another prompt. `run` and `after` say where a long replay is."""

    TYPE: ClassVar = "what_if"

    case_id: Id
    candidate: Annotated[str, Field(max_length=100)]
    run: Annotated[str, Field(max_length=100)] = ""
    after: int = Field(default=0, ge=0)


# -- facts: what is in the stream, each with the version of its shape --------------------------------------------------

Rejection = Literal[
    "not_legal_now",
    "unknown_order",
    "above_order_total",
    "case_is_open_already",
    "review_is_over",
    "not_justified",
    "insufficient_evidence",
    "suspected_abuse",
    "out_of_policy",
]
"""Why a command or a refund was rejected: the first five are the rules', the others the judgement's."""


Why = Literal["low_confidence", "high_amount", "contradiction", "asked_for", "escalated"]
"""Why a person is asked."""


class Fact(BaseModel):
    """`schema` of a document is the fact's SCHEMA when it was written (upcasters.py lifts older ones)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    TYPE: ClassVar[str]
    SCHEMA: ClassVar[int] = 1


class RefundOpened(Fact):
    TYPE: ClassVar = "refund_opened"
    SCHEMA: ClassVar = 2

    case_id: str
    order_id: str
    customer_id: str
    amount: Decimal
    currency: str
    reason: str


class EvidenceAdded(Fact):
    TYPE: ClassVar = "evidence_added"

    evidence: str


class ReviewRequested(Fact):
    """A person decides, until `expires_at`."""

    TYPE: ClassVar = "review_requested"

    approval_id: str
    why: Why
    asked_at: datetime
    expires_at: datetime


class RefundApproved(Fact):
    """`by` is who decided: a person, `model` or `rules`; `pay` whether the payment follows at once."""

    TYPE: ClassVar = "refund_approved"

    by: str
    pay: bool
    comment: str = ""


class RefundRejected(Fact):
    TYPE: ClassVar = "refund_rejected"

    by: str
    reason: str
    comment: str = ""


class RefundEscalated(Fact):
    TYPE: ClassVar = "refund_escalated"

    by: str


class RefundPaid(Fact):
    TYPE: ClassVar = "refund_paid"

    amount: Decimal
    currency: str


class RefundWithdrawn(Fact):
    TYPE: ClassVar = "refund_withdrawn"


class CommandRejected(Fact):
    """That a command was refused is a fact like any other: nothing changes but the version."""

    TYPE: ClassVar = "command_rejected"

    case_id: str
    command: str
    reason: Rejection
    by: str = "rules"


FACTS: dict[str, type[Fact]] = {
    fact.TYPE: fact
    for fact in (
        RefundOpened,
        EvidenceAdded,
        ReviewRequested,
        RefundApproved,
        RefundRejected,
        RefundEscalated,
        RefundPaid,
        RefundWithdrawn,
        CommandRejected,
    )
}

# -- what happened: what the others are told, on `entity-events` -------------------------------------------------------


class Happened(EventData):
    """One fact with what one must know of its case; amounts are those of the case."""

    TYPE: ClassVar = "happened"

    stream: str
    version: int = Field(ge=1)
    case_id: str
    order_id: str = ""
    customer_id: str = ""
    amount: str = ""
    currency: str = ""
    status: str = ""
    reason: str = ""
    by: str = ""
    notify_customer: bool = False


class ViewOutdated(EventData):
    """The view of a stream should be brought up to date, or (`from_start`) made anew."""

    TYPE: ClassVar = "view_outdated"

    stream: Id
    from_start: bool = False

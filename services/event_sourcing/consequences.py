"""facts -> who is told what, purely: everybody hears of every fact; some facts are the start of something.

`review_requested` lists an approval, tells people, and sets the clock; its end closes the list's entry. An approval
that pays is a command to the case itself: payment is a step of its own, with its own fact.
"""

from collections.abc import Sequence

from services.entities import ENTITY_COMMANDS, ENTITY_EVENTS, INSIGHTS
from services.event_sourcing.aggregate import Case, Review
from services.event_sourcing.decide import DEFAULT, OPTIONS
from services.event_sourcing.events import Fact, Happened, PayRefund, RefundApproved, ReviewRequested
from services.kernel.approvals import ApprovalChanged, ApprovalExpired, ApprovalRequested
from services.kernel.effects import Announce

PATTERN = "event_sourcing"


def announcements(
    stream: str, before: Case, facts: Sequence[Fact], cases: Sequence[Case], *, notify: bool = False
) -> tuple[Announce, ...]:
    """What follows from these facts; `cases` is the case after each of them."""
    told: list[Announce] = []
    for fact, case in zip(facts, cases, strict=True):
        told.append(Announce(ENTITY_EVENTS, fact.TYPE, happened(stream, fact, case, notify=notify)))
        if isinstance(fact, ReviewRequested) and case.review:
            told += _asked(stream, case, case.review)
        if before.review and not case.review:
            told.append(_closed(stream, before.review, case, fact))
        if isinstance(fact, RefundApproved) and fact.pay:
            told.append(_command(stream, PayRefund(case_id=case.case_id)))
        before = case
    return tuple(told)


def happened(stream: str, fact: Fact, case: Case, *, notify: bool) -> Happened:
    """A fact as the others hear of it."""
    return Happened(
        stream=stream,
        version=case.version,
        case_id=case.case_id,
        order_id=case.order_id,
        customer_id=case.customer_id,
        amount=str(case.amount),
        currency=case.currency,
        status=case.status,
        reason=getattr(fact, "reason", ""),
        by=getattr(fact, "by", ""),
        notify_customer=notify,
    )


def _asked(stream: str, case: Case, review: Review) -> tuple[Announce, ...]:
    pending = _approval(stream, case, review)
    requested = ApprovalRequested(**{name: getattr(pending, name) for name in ApprovalRequested.model_fields})
    expired = ApprovalExpired(approval_id=review.approval_id, owner=stream)
    return (
        _command(stream, pending),
        Announce(INSIGHTS, ApprovalRequested.TYPE, requested),
        Announce(ENTITY_COMMANDS, ApprovalExpired.TYPE, expired, session=stream, at=review.expires_at),
    )


def _closed(stream: str, review: Review, case: Case, fact: Fact) -> Announce:
    """The review is over: decided by a person, by default, or by nobody because the case was withdrawn."""
    ended = "expired" if case.decided_by == "nobody" else "decided"
    changes = {
        "status": "withdrawn" if case.status == "withdrawn" else ended,
        "decision": {"approved": "approve", "rejected": "reject"}.get(case.status, ""),
        "decided_by": case.decided_by,
        "decided_at": case.at,
        "comment": getattr(fact, "comment", ""),
    }
    return _command(stream, _approval(stream, case, review).model_copy(update=changes))


def _approval(stream: str, case: Case, review: Review) -> ApprovalChanged:
    who = "A manager decides" if case.escalated else "Please decide"
    return ApprovalChanged(
        approval_id=review.approval_id,
        pattern=PATTERN,
        owner=stream,
        session=stream,
        subject=f"refund case {case.case_id} on order {case.order_id}",
        question=f"{who}: refund {case.amount} {case.currency} ({review.why.replace('_', ' ')})?",
        options=OPTIONS,
        default=DEFAULT,
        asked_at=review.asked_at,
        expires_at=review.expires_at,
    )


def _command(stream: str, command: PayRefund | ApprovalChanged) -> Announce:
    return Announce(ENTITY_COMMANDS, command.TYPE, command, session=stream)

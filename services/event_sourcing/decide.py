"""case + command + order + answer -> facts, purely.

Two steps. `own_fact` is what the command itself means, by rules alone: it happens, or it is rejected. `judge` adds what
the answer makes of it, as far as the case allows. Amount and currency are the order's; nobody else may name them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from services.event_sourcing.aggregate import Case, evolve, is_legal
from services.event_sourcing.events import (
    AddEvidence,
    CommandRejected,
    EvidenceAdded,
    Fact,
    OpenRefund,
    PayRefund,
    RefundApproved,
    RefundEscalated,
    RefundOpened,
    RefundPaid,
    RefundRejected,
    RefundWithdrawn,
    Rejection,
    ReviewRequested,
    Why,
    WithdrawRefund,
)
from services.event_sourcing.order import Order
from services.event_sourcing.questions import (
    ESCALATE,
    HIGH_AMOUNT,
    NO_REASON,
    PAY,
    CaseFacts,
    RefundAnswer,
    legal_events,
    legal_side_effects,
)
from services.kernel.approvals import ApprovalDecided, ApprovalExpired
from services.kernel.ask import Answered
from services.kernel.ids import safe_id

Command = OpenRefund | AddEvidence | WithdrawRefund | PayRefund | ApprovalDecided | ApprovalExpired

REVIEW_WITHIN = timedelta(days=2)
"""How long a person has; then the default counts."""
OPTIONS = ("approve", "reject")
DEFAULT = "reject"
CLOCKS_DIFFER = timedelta(minutes=1)
"""How early the end of a review may seem: the broker's clock sends it, ours says whether it is time."""


def overtaken(case: Case, command: Command, now: datetime) -> str:
    """Why this command has come to nothing, without being anybody's wish that must be answered; or nothing."""
    if isinstance(command, ApprovalDecided | ApprovalExpired) and case.status == "new":
        return "there is no such case"
    if isinstance(command, ApprovalExpired) and not _under_review(case, command.approval_id):
        return "the review is over"
    if isinstance(command, ApprovalExpired) and case.review and now < case.review.expires_at - CLOCKS_DIFFER:
        return f"the review goes on until {case.review.expires_at.isoformat()}"
    return ""


def own_fact(case: Case, command: Command, order: Order | None) -> Fact:
    """What the command means, or why it is rejected."""
    wanted = _wanted(case, command, order)
    if isinstance(wanted, Fact):
        return wanted if is_legal(case, wanted.TYPE) else rejected(case, command, "not_legal_now")
    return rejected(case, command, wanted)


def _wanted(case: Case, command: Command, order: Order | None) -> Fact | Rejection:  # noqa: PLR0911 - a line a command
    match command:
        case OpenRefund():
            return _opened(case, command, order)
        case WithdrawRefund():
            return RefundWithdrawn()
        case ApprovalDecided() if not _under_review(case, command.approval_id):
            return "review_is_over"
        case ApprovalDecided(decision="reject"):
            return RefundRejected(by=command.by, reason="not_justified", comment=command.comment)
        case ApprovalExpired():
            return RefundRejected(by="nobody", reason="nobody_decided_in_time")
        case AddEvidence() if not is_legal(case, EvidenceAdded.TYPE):
            return "not_legal_now"
        case PayRefund() if not is_legal(case, RefundPaid.TYPE):
            return "not_legal_now"
        case _:
            return _uncovered(case, order) or _spending(case, command)


def _opened(case: Case, command: OpenRefund, order: Order | None) -> Fact | Rejection:
    if case.status != "new":
        return "case_is_open_already"
    if order is None or order.order_id != command.order_id:
        return "unknown_order"
    return RefundOpened(
        case_id=command.case_id,
        order_id=order.order_id,
        customer_id=order.customer_id,
        amount=order.total,
        currency=order.currency,
        reason=command.reason,
    )


def _spending(case: Case, command: Command) -> Fact | Rejection:
    """What may end in money going out; the order has just been looked at again."""
    match command:
        case AddEvidence():
            return EvidenceAdded(evidence=command.evidence)
        case ApprovalDecided(decision="approve"):
            return RefundApproved(by=command.by, pay=True, comment=command.comment)
        case PayRefund():
            return RefundPaid(amount=case.amount, currency=case.currency)
        case _:
            return "not_legal_now"


def _uncovered(case: Case, order: Order | None) -> Rejection | None:
    """Why the order does not carry this refund (any more)."""
    if order is None:
        return "unknown_order"
    if case.amount > order.total or case.currency != order.currency:
        return "above_order_total"
    return None


def needs_judgement(case: Case) -> bool:
    """Whether the AI is asked about a case as it is now: while a person reviews it, it is not the AI's to decide."""
    return case.status == "open"


def case_facts(command: Command, case: Case, order: Order | None) -> CaseFacts:
    """What the AI may know of the case as it would be after the command."""
    return CaseFacts(
        command=command.TYPE,
        amount=float(case.amount),
        currency=case.currency,
        order_risk=order.risk if order else "unknown",
        reason=case.reason,
        evidence=case.evidence,
        pieces=case.pieces,
        legal_events=legal_events(case),
        legal_side_effects=legal_side_effects(case),
    )


def judge(
    case: Case, command: Command, own: Fact, answered: Answered[RefundAnswer], *, stream: str, now: datetime
) -> tuple[Fact, ...]:
    """The command's own fact and what follows from the answer, as far as it is legal; or that it was rejected."""
    after = evolve(case, own, now)
    if not needs_judgement(after):
        return (own,)
    answer = answered.answer
    reason = answer.rejection_reason if answer.rejection_reason != NO_REASON else "not_justified"
    if not answer.accepted and answer.confidence != "low":
        return (rejected(case, command, cast("Rejection", reason), by=answered.source),)
    legal = legal_events(after)
    chosen = [kind for kind in legal if kind in answer.events_to_generate]
    why = _why_a_person(after, answer, chosen)
    if why == "escalated":
        escalation = RefundEscalated(by=answered.source)
        return (own, escalation, review(evolve(after, escalation, now), why, stream=stream, now=now))
    if why:
        return (own, review(after, why, stream=stream, now=now))
    approval = RefundApproved(by=answered.source, pay=PAY in answer.side_effects)
    rejection = RefundRejected(by=answered.source, reason=reason)
    return (own, *(verdict for verdict in (approval, rejection) if verdict.TYPE in chosen))


def _why_a_person(after: Case, answer: RefundAnswer, chosen: Sequence[str]) -> Why | None:
    """Why a person decides instead, the weightiest reason first."""
    if ESCALATE in answer.side_effects and is_legal(after, RefundEscalated.TYPE):
        return "escalated"
    if answer.confidence == "low" or not answer.accepted:
        return "low_confidence"
    if len(chosen) > 1:
        return "contradiction"
    if after.amount >= HIGH_AMOUNT and set(answer.events_to_generate) - {RefundRejected.TYPE}:
        return "high_amount"
    return "asked_for" if ReviewRequested.TYPE in chosen else None


def review(case: Case, why: Why, *, stream: str, now: datetime) -> ReviewRequested:
    """Ask a person; the approval is named by its place in the stream, so that deciding again names the same one."""
    approval = safe_id("review", stream, str(case.version + 1), case.case_id)
    return ReviewRequested(approval_id=approval, why=why, asked_at=now, expires_at=now + REVIEW_WITHIN)


def rejected(case: Case, command: Command, reason: Rejection, by: str = "rules") -> CommandRejected:
    by = command.by if isinstance(command, ApprovalDecided) else by
    case_id = case.case_id or getattr(command, "case_id", "")
    return CommandRejected(case_id=case_id, command=command.TYPE, reason=reason, by=by)


def _under_review(case: Case, approval_id: str) -> bool:
    return case.review is not None and case.review.approval_id == approval_id

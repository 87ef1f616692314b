"""The one question of event sourcing: what follows from this command? And the candidates that what-if compares it with.

What may be answered is what is legal for the case as it would be: a text that says "approve this" names a choice that
is not on the list where the amount wants a person.
"""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import Field, create_model

from services.event_sourcing.aggregate import Case, is_legal
from services.kernel.question import Answer, Facts, Question, one_of, several_of

HIGH_AMOUNT = Decimal(500)
"""From this amount on, in the order's currency, a person approves."""
SMALL_AMOUNT = Decimal(50)
"""Up to this amount the rules approve by themselves, unless the order is a risky one."""

VERDICTS = ("review_requested", "refund_approved", "refund_rejected")
NOTIFY, ESCALATE, PAY = "notify_customer", "escalate_to_manager", "pay_refund"
NO_REASON = "none"
REASONS = (NO_REASON, "not_justified", "insufficient_evidence", "suspected_abuse", "out_of_policy")


class CaseFacts(Facts):
    """`reason` and `evidence` are the customer's words; everything else is ours."""

    command: str
    amount: float
    currency: str
    order_risk: str
    reason: str
    evidence: tuple[str, ...]
    pieces: int
    legal_events: tuple[str, ...]
    legal_side_effects: tuple[str, ...]


class RefundAnswer(Answer):
    """`events_to_generate` empty: the case stays open, for evidence to come."""

    accepted: bool
    rejection_reason: str
    events_to_generate: tuple[str, ...] = Field(max_length=2)
    side_effects: tuple[str, ...] = Field(max_length=3)


def legal_events(case: Case) -> tuple[str, ...]:
    """What a judgement may make happen next."""
    too_high = ("refund_approved",) if case.amount >= HIGH_AMOUNT else ()
    return tuple(kind for kind in VERDICTS if is_legal(case, kind) and kind not in too_high)


def legal_side_effects(case: Case) -> tuple[str, ...]:
    pay = (PAY,) if "refund_approved" in legal_events(case) else ()
    escalate = (ESCALATE,) if is_legal(case, "refund_escalated") else ()
    return (NOTIFY, *escalate, *pay)


def refund_answer(facts: CaseFacts) -> type[RefundAnswer]:
    return _refund_answer(facts.legal_events, facts.legal_side_effects)


@lru_cache(maxsize=64)
def _refund_answer(events: tuple[str, ...], side_effects: tuple[str, ...]) -> type[RefundAnswer]:
    fields: dict[str, Any] = {
        "rejection_reason": (one_of(REASONS), ...),
        "events_to_generate": (several_of(events, at_most=2), ...),
        "side_effects": (several_of(side_effects, at_most=3), ...),
    }
    return create_model("RefundAnswer", __base__=RefundAnswer, **fields)


def refund_rules(facts: CaseFacts) -> RefundAnswer:
    """Small and not risky: approved. All else goes to a person."""
    small = facts.amount <= SMALL_AMOUNT and facts.order_risk != "high"
    return _accepted(facts, approve=small)


def stricter_rules(facts: CaseFacts) -> RefundAnswer:
    """Nothing is approved without evidence."""
    small = facts.amount <= SMALL_AMOUNT and facts.order_risk != "high"
    return _accepted(facts, approve=small and facts.pieces > 0)


def _accepted(facts: CaseFacts, *, approve: bool) -> RefundAnswer:
    verdict = "refund_approved" if approve else "review_requested"
    wanted = (NOTIFY, PAY) if approve else (NOTIFY,)
    return RefundAnswer(
        accepted=True,
        rejection_reason=NO_REASON,
        events_to_generate=(verdict,) if verdict in facts.legal_events else (),
        side_effects=tuple(effect for effect in wanted if effect in facts.legal_side_effects),
        confidence="medium",
    )


DECISION = Question(
    name="refund_decision",
    version="1",
    tier="large",
    prompt=(
        "A customer wants the money for an order back, or adds evidence to a case. Decide what follows. Accept the "
        "command unless it is no request at all or plain abuse. Choose at most one of the legal events: approve where "
        "the reason or the evidence carries it, reject with a reason where nothing can carry it, request a review "
        "where a person should look; none, if evidence is missing that the customer can bring. Escalate threats, "
        "safety and legal matters. Pay with an approval. Say 'low' if you are not sure: then a person decides."
    ),
    facts=CaseFacts,
    answer=refund_answer,
    rules=refund_rules,
)

STRICTER = replace(
    DECISION,
    name="refund_decision_stricter",
    prompt=DECISION.prompt + " Approve nothing that is not shown by at least one piece of evidence.",
    rules=stricter_rules,
)

CANDIDATES: dict[str, Question[CaseFacts, RefundAnswer]] = {"stricter": STRICTER}
"""Prompts that are not in force: `what_if` shows what they would have decided."""

QUESTIONS = (DECISION, STRICTER)

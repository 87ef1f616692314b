"""The saga `customer_escalation`: a ticket, something for the customer's trouble, and somebody who cares."""

from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from services.entities import ACCOUNTS
from services.saga import acts
from services.saga.definition import Definition, Place, SagaData, Step, Work

Cause = Literal["change", "feedback", "refund"]

GOODWILL: dict[Cause, Decimal] = {"change": Decimal(10), "feedback": Decimal(25), "refund": Decimal(100)}
"""The most that is given; of a refund a tenth, if that is less."""
GIVEN_UNSEEN = 50
"""Up to here credit is given without asking."""
TEAMS: dict[Cause, tuple[str, ...]] = {
    "change": ("accounts", "service"),
    "feedback": ("service", "quality"),
    "refund": ("billing", "service"),
}
"""Who may take care of what, the usual team first."""
CENT = Decimal("0.01")


class EscalationData(SagaData):
    """What happened to whom; `why` is for people and for the model to read, nothing is decided by it."""

    cause: Cause
    credit: Decimal
    currency: str = "EUR"
    why: str = ""


def goodwill(cause: Cause, amount: Decimal | None = None) -> Decimal:
    """What the customer gets for their trouble."""
    most = GOODWILL[cause]
    return most if amount is None else min(most, (amount / 10).quantize(CENT, ROUND_DOWN))


def customer(escalation: EscalationData) -> dict[str, Work]:
    return {escalation.customer_id: Work()}


def credit(escalation: EscalationData) -> dict[str, Work]:
    return {escalation.customer_id: Work(amount=escalation.credit, currency=escalation.currency)}


def teams(escalation: EscalationData) -> tuple[str, ...]:
    return TEAMS[escalation.cause]


def generous(escalation: EscalationData) -> str:
    if escalation.credit <= GIVEN_UNSEEN:
        return ""
    return f"Give {escalation.customer_id} a credit of {escalation.credit} {escalation.currency}?"


ACCOUNT = Place(ACCOUNTS, "account")

CUSTOMER_ESCALATION = Definition(
    name="customer_escalation",
    data=EscalationData,
    within=timedelta(hours=50),
    steps=(
        Step(
            name="open_ticket",
            place=ACCOUNT,
            do=acts.keep_record,
            undo=acts.keep_record,
            within=timedelta(minutes=5),
            after=(),
            parts=customer,
        ),
        Step(
            name="grant_credit",
            place=ACCOUNT,
            do=acts.grant_credit,
            undo=acts.take_back_credit,
            within=timedelta(minutes=5),
            after=("open_ticket",),
            parts=credit,
            approval=generous,
        ),
        Step(
            name="assign_agent",
            place=ACCOUNT,
            do=acts.keep_record,
            undo=acts.keep_record,
            within=timedelta(minutes=5),
            after=("open_ticket",),
            parts=customer,
            options=teams,
        ),
    ),
)

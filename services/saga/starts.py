"""what was found out, and our records -> the data of a saga, or None where none is wanted

Amounts and lines come from the order's record, goodwill from our own table, whoever asks.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.kernel.outcome import Park, Retry
from services.kernel.store import Document
from services.saga.customer_escalation import EscalationData, goodwill
from services.saga.events import ChangeDetected, FeedbackAnalyzed, RefundEscalated
from services.saga.order_fulfilment import OrderData

Risk = Literal["low", "medium", "high"]
WHY_AT_MOST = 500


class _Line(BaseModel):
    product_id: Annotated[str, Field(min_length=1)]
    quantity: int = Field(ge=1)
    unit_price: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class _Order(BaseModel):
    """An order's record, as far as its fulfilment needs it."""

    model_config = ConfigDict(extra="ignore")

    order_id: str
    customer_id: str
    items: tuple[_Line, ...] = Field(min_length=1)
    currency: str
    risk: Risk = "high"
    shipping: Literal["standard", "express"] = "standard"


RISKS: tuple[Risk, ...] = ("low", "medium", "high")


def of_order(record: Document | None, order_id: str, risk: Risk | None = None) -> OrderData:
    """What fulfilling an order takes; of two opinions of its risk the higher one counts, and no opinion is a high risk.

    Raises:
        Retry: `no-order`, if its record is not there (yet).
        Park: `bad-record`, if the record does not say what must be known.
    """
    if record is None:
        raise Retry("no-order", f"there is no record of order {order_id!r} in items")
    try:
        order = _Order.model_validate(record)
    except ValidationError as error:
        raise Park("bad-record", f"the record of order {order_id!r}: {_problems(error)}") from error
    pieces: dict[str, int] = {}
    for line in order.items:
        pieces[line.product_id] = pieces.get(line.product_id, 0) + line.quantity
    return OrderData(
        subject=order.order_id,
        customer_id=order.customer_id,
        pieces=pieces,
        total=sum((line.quantity * line.unit_price for line in order.items), Decimal(0)),
        currency=order.currency,
        risk=RISKS[max(RISKS.index(order.risk), RISKS.index(risk or order.risk))],
        shipping=order.shipping,
    )


def of_change(change: ChangeDetected) -> EscalationData | None:
    if not change.trigger_workflow or not change.customer_id:
        return None
    return EscalationData(
        subject=change.item_id,
        customer_id=change.customer_id,
        cause="change",
        credit=goodwill("change"),
        why=change.reason[:WHY_AT_MOST],
    )


def of_feedback(feedback: FeedbackAnalyzed) -> EscalationData | None:
    if feedback.urgency != "urgent":
        return None
    return EscalationData(
        subject=feedback.feedback_id,
        customer_id=feedback.customer_id,
        cause="feedback",
        credit=goodwill("feedback"),
        why=f"urgent feedback, {feedback.sentiment or 'unknown'} sentiment"[:WHY_AT_MOST],
    )


def of_refund(case: RefundEscalated) -> EscalationData:
    return EscalationData(
        subject=case.case_id,
        customer_id=case.customer_id,
        cause="refund",
        credit=goodwill("refund", case.amount),
        currency=case.currency,
        why=f"a refund of {case.amount} {case.currency} was escalated",
    )


class OrderAsked(BaseModel):
    """What a request for `order_fulfilment` says: which order."""

    model_config = ConfigDict(extra="forbid")

    order_id: Annotated[str, Field(min_length=1, max_length=500)]


class EscalationAsked(BaseModel):
    """What a request for `customer_escalation` says: about what, for whom, why."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=500)]
    customer_id: Annotated[str, Field(min_length=1, max_length=500)]
    reason: Annotated[str, Field(max_length=WHY_AT_MOST)] = ""

    def data(self) -> EscalationData:
        credit = goodwill("change")
        return EscalationData(
            subject=self.subject, customer_id=self.customer_id, cause="change", credit=credit, why=self.reason
        )


def asked(saga_type: str, initial_data: dict[str, Any]) -> OrderAsked | EscalationAsked:
    """Read a request for a saga.

    Raises:
        Park: `unknown-saga` or `wrong-schema`, naming what is expected.
    """
    forms = {"order_fulfilment": OrderAsked, "customer_escalation": EscalationAsked}
    if saga_type not in forms:
        raise Park("unknown-saga", f"there is no saga {saga_type!r}; there are {', '.join(forms)}")
    try:
        return forms[saga_type].model_validate(initial_data)
    except ValidationError as error:
        raise Park("wrong-schema", f"initial_data of {saga_type}: {_problems(error)}") from error


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']} (got {str(each['input'])[:60]!r})"
        for each in error.errors()[:5]
    )

"""The saga `order_fulfilment`: stock is reserved, the payment taken, the order shipped; or nothing of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from services.entities import ACCOUNTS, STOCK
from services.saga import acts
from services.saga.definition import PLAIN, Definition, Place, SagaData, Step, Work

SHIPPED_UNSEEN = 2_000
"""Up to this total, in the order's currency, an order is shipped without asking: a parcel cannot be called back."""


class OrderData(SagaData):
    """The order as our record has it: pieces by product, and what they come to."""

    pieces: dict[str, int]
    total: Decimal
    currency: str
    risk: Literal["low", "medium", "high"]
    shipping: Literal["standard", "express"] = "standard"


def pieces(order: OrderData) -> dict[str, Work]:
    return {product: Work(amount=Decimal(count)) for product, count in order.pieces.items()}


def payment(order: OrderData) -> dict[str, Work]:
    return {order.customer_id: Work(amount=order.total, currency=order.currency)}


def parcel(order: OrderData) -> dict[str, Work]:
    return {order.customer_id: Work()}


def carriers(order: OrderData) -> tuple[str, ...]:
    """Express is for who paid for it."""
    return ("express", "standard") if order.shipping == "express" else PLAIN


def risky(order: OrderData) -> str:
    worth = f"{order.total} {order.currency}"
    return f"Order {order.subject} of {worth} is of high risk: fulfil it?" if order.risk == "high" else ""


def worth_a_look(order: OrderData) -> str:
    """A person who has agreed to the whole order is not asked again for its parcel."""
    if order.risk == "high" or order.total <= SHIPPED_UNSEEN:
        return ""
    return f"Order {order.subject} is worth {order.total} {order.currency} and cannot be called back: ship it?"


ORDER_FULFILMENT = Definition(
    name="order_fulfilment",
    data=OrderData,
    within=timedelta(hours=26),
    approval=risky,
    steps=(
        Step(
            name="reserve_stock",
            place=Place(STOCK, "product"),
            do=acts.reserve_stock,
            undo=acts.release_stock,
            within=timedelta(minutes=5),
            after=(),
            parts=pieces,
        ),
        Step(
            name="take_payment",
            place=Place(ACCOUNTS, "account"),
            do=acts.take_payment,
            undo=acts.refund_payment,
            within=timedelta(minutes=5),
            after=("reserve_stock",),
            parts=payment,
        ),
        Step(
            name="ship_order",
            place=Place(ACCOUNTS, "account"),
            do=acts.keep_record,
            undo=None,
            within=timedelta(minutes=10),
            after=("take_payment",),
            parts=parcel,
            options=carriers,
            approval=worth_a_look,
        ),
    ),
)

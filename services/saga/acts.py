"""stock or account + work -> the same afterwards, or a refusal: what steps do and undo, purely.

Each pair leaves a document as it was: do and then undo is nothing.
"""

from decimal import Decimal

from services.saga.definition import Act, Document, Refused, Work


def reserve_stock(stock: Document | None, work: Work) -> Document | Refused:
    if stock is None:
        return Refused("there is no such product in stock", retryable=False)
    available = int(stock["available"])
    if available < work.amount:
        return Refused(f"{available} are available, {work.amount} are wanted", retryable=True)
    return {**stock, "available": available - int(work.amount)}


def release_stock(stock: Document | None, work: Work) -> Document | Refused:
    if stock is None:
        return Refused("the product is gone", retryable=False)
    return {**stock, "available": int(stock["available"]) + int(work.amount)}


def _take(field: str, none: str) -> Act:
    """Take money out of a field of the account."""

    def take(account: Document | None, work: Work) -> Document | Refused:
        if refused := _unusable(account, work):
            return refused
        assert account is not None  # noqa: S101 - `_unusable` has looked
        there = Decimal(account[field])
        if there < work.amount:
            return Refused(f"{none}: {there} of {work.amount} {work.currency}", retryable=False)
        return {**account, field: str(there - work.amount)}

    return take


def _give(field: str) -> Act:
    """Put money into a field of the account."""

    def give(account: Document | None, work: Work) -> Document | Refused:
        if refused := _unusable(account, work):
            return refused
        assert account is not None  # noqa: S101 - `_unusable` has looked
        return {**account, field: str(Decimal(account[field]) + work.amount)}

    return give


def _unusable(account: Document | None, work: Work) -> Refused | None:
    if account is None:
        return Refused("the customer has no account", retryable=False)
    if account["currency"] != work.currency:
        return Refused(f"the account is in {account['currency']}, not {work.currency}", retryable=False)
    return None


take_payment = _take("balance", "not enough funds")
refund_payment = _give("balance")
grant_credit = _give("credit")
take_back_credit = _take("credit", "the credit is spent")


def keep_record(_document: Document | None, _work: Work) -> None:
    """What is done is written down, in the hold; nothing else in the partition changes."""

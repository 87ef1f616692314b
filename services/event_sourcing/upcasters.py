"""a fact as it was written -> the same fact in today's shape: the store is never rewritten, old facts are lifted.

One function lifts one fact by one schema version. What it adds must be known for sure: it speaks about the past.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.event_sourcing.events import FACTS, Fact
from services.kernel.outcome import Retry

Data = dict[str, Any]


def refund_opened_2(data: Data) -> Data:
    """Schema 1 had the amount as a float and no currency: everything was in euros then."""
    return {**data, "amount": f"{Decimal(str(data['amount'])):.2f}", "currency": "EUR"}


LIFTS: dict[tuple[str, int], Callable[[Data], Data]] = {("refund_opened", 1): refund_opened_2}
"""By the fact's type and the schema that is lifted from."""


def lift(event_type: str, schema: int, data: Data) -> Fact:
    """The fact that a document holds.

    Raises:
        Retry: `newer-than-us`, if a newer release of this service wrote it: that one can read it.
    """
    fact = FACTS.get(event_type)
    if fact is None or schema > fact.SCHEMA:
        known = "no such fact" if fact is None else f"schema {fact.SCHEMA} at most"
        raise Retry("newer-than-us", f"the stream holds {event_type} of schema {schema}; known here is {known}")
    while schema < fact.SCHEMA:
        data = LIFTS[event_type, schema](data)
        schema += 1
    return fact.model_validate(data)

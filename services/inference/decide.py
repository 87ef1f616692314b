"""event + record + answer -> effects, purely.

The answer fills content fields; ids, amounts and who is concerned come from the event and from our own records.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.entities import INSIGHTS
from services.inference.events import (
    CustomerCreated,
    CustomerEnriched,
    FeedbackAnalyzed,
    FeedbackReceived,
    OrderAnalyzed,
    OrderPlaced,
)
from services.inference.questions import CustomerAnswer, FeedbackAnswer, OrderAnswer
from services.kernel.ask import Answered
from services.kernel.authorship import signed
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event

Record = Mapping[str, Any]
Fields = dict[str, Any]
Kind = CustomerCreated | OrderPlaced | FeedbackReceived


def is_stale(event: Event[Kind], record: Record | None) -> bool:
    """Newest wins: by version where both have one, else by time; what comes without either is never stale."""
    if record is None:
        return False
    if event.data.version is not None and record.get("version") is not None:
        return event.data.version <= int(record["version"])
    if event.time is not None and record.get("as_of") is not None:
        return event.time < datetime.fromisoformat(record["as_of"])
    return False


def enrich_customer(
    event: Event[CustomerCreated], record: Record | None, answered: Answered[CustomerAnswer]
) -> Effects:
    """The customer's record, created or brought up to date, and `customer_enriched`."""
    answer = answered.answer
    enrichment: Fields = {
        "predicted_segment": answer.predicted_segment,
        "industry_classification": answer.industry_classification,
        "potential_value": answer.potential_value,
        "recommended_products": answer.recommended_products,
    }
    insight = CustomerEnriched(
        customer_id=event.data.customer_id, **enrichment, confidence=answer.confidence, source=answered.source
    )
    return _commit("customer", event, record, enrichment, Announce(INSIGHTS, insight.TYPE, insight), answered)


def assess_order(event: Event[OrderPlaced], record: Record | None, answered: Answered[OrderAnswer]) -> Effects:
    """The order's record with its risk, and `order_analyzed` with the amount that the order's lines come to."""
    answer = answered.answer
    assessment: Fields = {
        "risk": answer.risk,
        "fulfilment_priority": answer.fulfilment_priority,
        "reasons": answer.reasons,
    }
    insight = OrderAnalyzed(
        order_id=event.data.order_id,
        customer_id=event.data.customer_id,
        total=event.data.total,
        currency=event.data.currency,
        **assessment,
        needs_review=answer.confidence == "low",
        confidence=answer.confidence,
        source=answered.source,
    )
    fields = {**assessment, "total": str(event.data.total)}
    return _commit("order", event, record, fields, Announce(INSIGHTS, insight.TYPE, insight), answered)


def analyze_feedback(
    event: Event[FeedbackReceived], record: Record | None, answered: Answered[FeedbackAnswer]
) -> Effects:
    """The feedback's record with its analysis, and `feedback_analyzed`."""
    answer = answered.answer
    analysis: Fields = {
        "sentiment": answer.sentiment,
        "topics": answer.topics,
        "urgency": answer.urgency,
        "needs_reply": answer.needs_reply,
    }
    insight = FeedbackAnalyzed(
        feedback_id=event.data.feedback_id,
        customer_id=event.data.customer_id,
        **analysis,
        confidence=answer.confidence,
        source=answered.source,
    )
    return _commit("feedback", event, record, analysis, Announce(INSIGHTS, insight.TYPE, insight), answered)


def _commit(
    kind: str,
    event: Event[Kind],
    record: Record | None,
    fields: Fields,
    insight: Announce,
    answered: Answered[Any],
) -> Effects:
    """One shape for all three: what was known, what the event says, what the answer adds, and where that is from."""
    document = {
        **(record or {}),
        **event.data.model_dump(mode="json"),
        **fields,
        "kind": kind,
        "version": event.data.version if event.data.version is not None else (record or {}).get("version"),
        "as_of": event.time.isoformat() if event.time else (record or {}).get("as_of"),
    }
    written = signed(document, source=answered.source, model=answered.model, event=event.key)
    return Effects(puts=(Put(written, (record or {}).get("_etag")),), events=(insight,))

"""What an answer may fill in, and what it never touches: ids, amounts and whose record it is."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest

from services.inference.decide import (
    analyze_feedback,
    assess_order,
    enrich_customer,
    is_stale,
)
from services.inference.events import CustomerCreated, FeedbackReceived, OrderPlaced
from services.inference.questions import CUSTOMER, FEEDBACK, ORDER, CustomerAnswer, FeedbackAnswer, OrderAnswer
from services.kernel.ask import Answered
from services.kernel.effects import Effects
from services.kernel.event import Event
from tests.services import events
from tests.services.inference.facts import ANGRY, LARGE_COMPANY, SMALL_ORDER

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)

CUSTOMER_ANSWER: Answered[CustomerAnswer] = Answered(CUSTOMER.rules(LARGE_COMPANY), "model", "gpt-x")
ORDER_ANSWER: Answered[OrderAnswer] = Answered(ORDER.rules(SMALL_ORDER), "rules", "", "budget")
FEEDBACK_ANSWER: Answered[FeedbackAnswer] = Answered(FEEDBACK.rules(ANGRY), "model", "gpt-x")


def event(made: dict[str, Any], data: type[Any], *, time: datetime | None = EIGHT) -> Event[Any]:
    return Event("e-1", "/shop", made["type"], time, data.model_validate(made["data"]), "key-1", "print-1")


def written(effects: Effects) -> dict[str, Any]:
    (put,) = effects.puts
    return dict(put.document)


def said(effects: Effects) -> dict[str, Any]:
    (announced,) = effects.events
    assert announced.topic.name == "insights"
    return {"type": announced.type, **announced.data.model_dump(mode="json")}


@pytest.mark.parametrize(
    ("version", "time", "record", "stale"),
    [
        (1, EIGHT, None, False),
        (2, EIGHT, {"version": 1}, False),
        (2, EIGHT, {"version": 2}, True),
        (2, EIGHT, {"version": 3}, True),
        (2, EIGHT, {"version": 1, "as_of": "2026-11-20T09:00:00+00:00"}, False),
        (None, EIGHT, {"version": 3, "as_of": "2026-11-20T07:00:00+00:00"}, False),
        (None, EIGHT, {"version": 3, "as_of": "2026-11-20T08:00:00+00:00"}, False),
        (None, EIGHT, {"version": 3, "as_of": "2026-11-20T08:00:01+00:00"}, True),
        (2, EIGHT, {"version": None, "as_of": "2026-11-20T09:00:00+00:00"}, True),
        (2, None, {"version": None, "as_of": "2026-11-20T09:00:00+00:00"}, False),
        (None, None, {"version": 9, "as_of": "2026-11-20T09:00:00+00:00"}, False),
        (None, EIGHT, {"version": 9, "as_of": None}, False),
        (None, EIGHT, {}, False),
    ],
)
def test_newest_wins_by_version_else_by_time_and_a_bare_event_is_never_stale(
    version: int | None, time: datetime | None, record: dict[str, Any] | None, stale: bool
) -> None:
    assert is_stale(event(events.customer(version=version), CustomerCreated, time=time), record) is stale


def test_a_record_has_ids_and_amounts_of_the_event_and_content_of_the_answer() -> None:
    # when
    placed = event(events.order(version=4), OrderPlaced)
    effects = assess_order(placed, None, ORDER_ANSWER)

    # then
    assert written(effects) == {
        **placed.data.model_dump(mode="json"),
        "risk": "low",
        "fulfilment_priority": "normal",
        "reasons": ("known_customer",),
        "total": "78",
        "kind": "order",
        "version": 4,
        "as_of": "2026-11-20T08:00:00+00:00",
        "decided_by": {"source": "rules", "model": "", "event": "key-1", "content": ANY},
    }
    assert effects.puts[0].etag is None
    assert effects.verdict == "committed"


def test_an_insight_says_whose_answer_it_is_and_never_more_than_the_answer_model_has() -> None:
    assert said(enrich_customer(event(events.customer(), CustomerCreated), None, CUSTOMER_ANSWER)) == {
        "type": "customer_enriched",
        "customer_id": "C-1",
        "predicted_segment": "enterprise",
        "industry_classification": "logistics",
        "potential_value": "high",
        "recommended_products": ["P-300"],
        "confidence": "medium",
        "source": "model",
    }
    assert said(analyze_feedback(event(events.feedback(), FeedbackReceived), None, FEEDBACK_ANSWER)) == {
        "type": "feedback_analyzed",
        "feedback_id": "F-1",
        "customer_id": "C-1",
        "sentiment": "negative",
        "topics": ["delivery"],
        "urgency": "normal",
        "needs_reply": True,
        "confidence": "medium",
        "source": "model",
    }


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        ([{"product_id": "a", "quantity": 3, "unit_price": "0.10"}], "0.30"),
        ([{"product_id": "a", "quantity": 3, "unit_price": 0.1}], "0.3"),
        ([{"product_id": "a", "quantity": 1, "unit_price": 0}], "0"),
        (
            [{"product_id": "a", "quantity": 2, "unit_price": 5}, {"product_id": "b", "quantity": 1, "unit_price": 1}],
            "11",
        ),
        ([{"product_id": "a", "quantity": 100_000, "unit_price": 10_000_000}], "1000000000000"),
    ],
)
def test_an_order_is_worth_what_its_lines_come_to_whatever_it_says_itself(lines: list[Any], total: str) -> None:
    # when
    placed = event(events.order(items=lines, total=1, amount=2), OrderPlaced)
    effects = assess_order(placed, None, ORDER_ANSWER)

    # then
    assert placed.data.total == Decimal(total)
    assert said(effects)["total"] == written(effects)["total"] == total
    assert "amount" not in written(effects)


@pytest.mark.parametrize(("confidence", "needs_review"), [("low", True), ("medium", False), ("high", False)])
def test_an_unsure_answer_asks_for_a_persons_look(confidence: Any, needs_review: bool) -> None:
    unsure = Answered(ORDER_ANSWER.answer.model_copy(update={"confidence": confidence}), "model", "gpt-x")
    assert said(assess_order(event(events.order(), OrderPlaced), None, unsure))["needs_review"] is needs_review


def test_a_record_that_is_there_is_replaced_at_its_version_and_keeps_what_others_know() -> None:
    # given
    record = {"id": "C-1", "_etag": "7", "version": 3, "as_of": "2026-11-20T07:00:00+00:00", "account_manager": "Ines"}

    # when
    bare = event(events.customer(), CustomerCreated, time=None)
    effects = enrich_customer(bare, record, CUSTOMER_ANSWER)

    # then: what a bare event does not say stands
    assert effects.puts[0].etag == "7"
    document = written(effects)
    assert (document["version"], document["as_of"]) == (3, "2026-11-20T07:00:00+00:00")
    assert document["account_manager"] == "Ines"

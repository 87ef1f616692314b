"""What the business's own numbers leave open, and what its rules say where no model answers."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.inference.questions import (
    CUSTOMER,
    FEEDBACK,
    ORDER,
    QUESTIONS,
    CustomerFacts,
    FeedbackFacts,
    OrderFacts,
    legal_priorities,
    legal_segments,
    legal_values,
    risk_floor,
)
from tests.services.inference.facts import EVERY, LARGE_COMPANY, SMALL_ORDER, customers, orders

LEVELS = ("low", "medium", "high")


@pytest.mark.parametrize(
    ("facts", "floor"),
    [
        ({}, "low"),
        ({"total": 999.99, "customer_known": False}, "low"),
        ({"total": 1000, "customer_known": False}, "medium"),
        ({"total": 1000}, "low"),
        ({"total": 4999.99}, "low"),
        ({"total": 5000}, "high"),
        ({"pieces": 49}, "low"),
        ({"pieces": 50}, "medium"),
        ({"pieces": 50, "total": 5000}, "high"),
    ],
)
def test_an_order_is_at_least_as_risky_as_its_numbers(facts: dict[str, Any], floor: str) -> None:
    assert risk_floor(SMALL_ORDER.model_copy(update=facts)) == floor


@pytest.mark.parametrize(
    ("shipping", "legal"), [("standard", ("low", "normal")), ("express", ("low", "normal", "express"))]
)
def test_express_is_what_was_paid_for(shipping: str, legal: tuple[str, ...]) -> None:
    assert legal_priorities(SMALL_ORDER.model_copy(update={"shipping": shipping})) == legal


@pytest.mark.parametrize(
    ("company", "employees", "segments", "values"),
    [
        ("", None, ("consumer",), ("low", "medium")),
        ("", 5000, ("consumer",), ("medium", "high")),
        ("Huber", None, ("consumer", "smb"), ("low", "medium")),
        ("Huber", 249, ("consumer", "smb"), ("low", "medium")),
        ("Huber", 250, ("smb", "enterprise"), ("medium", "high")),
    ],
)
def test_a_segment_follows_from_company_and_size(
    company: str, employees: int | None, segments: tuple[str, ...], values: tuple[str, ...]
) -> None:
    facts = LARGE_COMPANY.model_copy(update={"company": company, "employees": employees})
    assert legal_segments(facts) == segments
    assert legal_values(facts) == values


def refused(question: Any, facts: Any, change: dict[str, Any]) -> bool:
    """Whether the rules' answer, changed like this, is no legal answer any more."""
    answer = question.rules(facts).model_dump() | change
    try:
        question.answer(facts).model_validate(answer)
    except ValidationError:
        return True
    return False


def beyond(all_of: Iterable[str], legal: Iterable[str]) -> set[str]:
    return set(all_of) - set(legal)


@given(orders)
def test_no_answer_names_a_risk_below_the_floor_or_a_priority_beyond_what_was_paid(facts: OrderFacts) -> None:
    floor = LEVELS.index(risk_floor(facts))
    for at, level in enumerate(LEVELS):
        assert refused(ORDER, facts, {"risk": level}) == (at < floor)
    for priority in beyond(("low", "normal", "express", "immediate"), legal_priorities(facts)):
        assert refused(ORDER, facts, {"fulfilment_priority": priority})


@given(customers)
def test_no_answer_names_a_segment_a_value_or_a_product_beyond_what_is_legal(facts: CustomerFacts) -> None:
    for segment in beyond(("consumer", "smb", "enterprise", "vip"), legal_segments(facts)):
        assert refused(CUSTOMER, facts, {"predicted_segment": segment})
    for value in beyond((*LEVELS, "highest"), legal_values(facts)):
        assert refused(CUSTOMER, facts, {"potential_value": value})
    assert refused(CUSTOMER, facts, {"recommended_products": ["a product that nobody sells"]})


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
@given(data=st.data())
def test_the_rules_always_give_a_legal_answer(question: Any, data: st.DataObject) -> None:
    facts = data.draw(EVERY[question.name])
    answer = question.rules(facts)
    assert question.answer(facts).model_validate_json(answer.model_dump_json())
    assert question.response_format(facts)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
@given(data=st.data())
def test_an_answer_has_no_room_for_anything_that_nobody_asked_for(question: Any, data: st.DataObject) -> None:
    facts = data.draw(EVERY[question.name])
    assert refused(question, facts, {"refund": 10_000})


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
@given(data=st.data())
def test_the_rules_say_the_same_each_time(question: Any, data: st.DataObject) -> None:
    facts = data.draw(EVERY[question.name])
    assert question.rules(facts) == question.rules(facts)


@pytest.mark.parametrize(
    ("text", "rating", "sentiment", "urgency", "topics", "needs_reply"),
    [
        ("Great desk, thank you!", 5, "positive", "low", ("other",), False),
        ("The parcel was late.", None, "negative", "normal", ("delivery",), True),
        ("Our checkout page is broken, we lose money today, this is unacceptable!", 1, "negative", "urgent",
         ("quality", "website"), True),
        ("Works as described.", 3, "neutral", "normal", ("other",), False),
        ("Is there a larger size?", None, "neutral", "normal", ("product",), True),
        ("Great and perfect, but late.", 2, "neutral", "normal", ("delivery",), False),
        ("", None, "neutral", "normal", ("other",), False),
    ],
)  # fmt: skip
def test_what_the_rules_read_in_feedback(
    text: str, rating: int | None, sentiment: str, urgency: str, topics: tuple[str, ...], needs_reply: bool
) -> None:
    answer = FEEDBACK.rules(FeedbackFacts(text=text, rating=rating))
    assert (answer.sentiment, answer.urgency, answer.topics, answer.needs_reply) == (
        sentiment,
        urgency,
        topics,
        needs_reply,
    )


def test_the_rules_recommend_what_suits_the_segment() -> None:
    answer = CUSTOMER.rules(LARGE_COMPANY)
    assert (answer.predicted_segment, answer.industry_classification) == ("enterprise", "logistics")
    assert answer.recommended_products == ("P-300",)


def test_an_empty_catalogue_leaves_nothing_to_recommend() -> None:
    facts = LARGE_COMPANY.model_copy(update={"catalogue": ()})
    assert CUSTOMER.rules(facts).recommended_products == ()
    assert refused(CUSTOMER, facts, {"recommended_products": ["none"]})

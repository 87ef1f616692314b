"""Anybody may send anything under the names that the kernel uses."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.delivery import ATTEMPT, FIRST_ID, LARGEST_COUNT, SPENT, Delivery


def received(properties: dict[str, Any], **changes: Any) -> Any:
    """What the Functions worker hands over, as far as a delivery looks at it."""
    known: dict[str, Any] = {
        "message_id": "m-1",
        "sequence_number": 7,
        "enqueued_time_utc": datetime(2026, 11, 22, 10),  # noqa: DTZ001 - the worker hands out UTC without saying so
        "subject": "order_placed",
    }
    return SimpleNamespace(get_body=lambda: b"{}", application_properties=properties, **(known | changes))


def test_a_delivery_knows_the_message_it_came_in() -> None:
    delivery = Delivery.of(received({}))
    assert (delivery.body, delivery.message_id, delivery.first_id) == (b"{}", "m-1", "m-1")
    assert (delivery.attempt, delivery.spent, delivery.subject) == (1, 0, "order_placed")
    assert delivery.enqueued == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_message_without_an_id_is_known_by_its_sequence_number() -> None:
    delivery = Delivery.of(received({}, message_id=None))
    assert delivery.first_id == delivery.message_id
    assert delivery.message_id.startswith("sequence-7-")
    assert delivery == Delivery.of(received({}, message_id=None)), "the same at each delivery"


def test_a_copy_carries_on_what_it_is_a_copy_of() -> None:
    delivery = Delivery.of(received({FIRST_ID: "m-0", ATTEMPT: 3, SPENT: 1200}))
    assert (delivery.first_id, delivery.attempt, delivery.spent) == ("m-0", 3, 1200)


@pytest.mark.parametrize(
    "value", [None, "", "two", "3", -1, 0, float("nan"), float("inf"), 10**30, LARGEST_COUNT, [], {}, b"2"]
)
def test_what_is_no_count_counts_as_none(value: object) -> None:
    delivery = Delivery.of(received({ATTEMPT: value, SPENT: value}))
    assert (delivery.attempt, delivery.spent) == (1, 0)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers()),
    st.datetimes(),
)


@given(st.dictionaries(st.sampled_from([ATTEMPT, SPENT, FIRST_ID, "traceparent", "anything"]), anything))
def test_no_application_property_breaks_a_delivery(properties: dict[str, Any]) -> None:
    delivery = Delivery.of(received(properties))
    assert 1 <= delivery.attempt < LARGEST_COUNT
    assert 0 <= delivery.spent < LARGEST_COUNT
    assert delivery.first_id

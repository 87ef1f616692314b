"""What comes through the door is understood or parked; nothing else ever happens there."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inference.events import CustomerCreated, FeedbackReceived, OrderPlaced
from services.kernel.event import BARE, MAX_BYTES, EventData, open_envelope, understand
from services.kernel.ids import LONGEST
from services.kernel.outcome import Park
from tests.services.events import bare, customer, delivery

VALID: dict[str, Any] = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "order_placed", "data": {}}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in VALID.items() if key != name}


MALFORMED: dict[str, tuple[str | bytes | dict[str, Any], str, str]] = {
    "empty": (b"", "unreadable", "not JSON"),
    "no JSON": ('{"specversion": "1.0", "id": ', "unreadable", "not JSON"),
    "not UTF-8": (b'{"type": "caf\xe9", "data": {}}', "unreadable", "not JSON"),
    "UTF-16": (json.dumps(bare(customer())).encode("utf-16"), "unreadable", "not JSON"),
    "nested without end": (b'{"type": "x", "data": {"a": ' + b"[" * 60_000, "unreadable", "not JSON"),
    "a list": ("[]", "unreadable", "a JSON list"),
    "a number": ("7", "unreadable", "a JSON int"),
    "null": ("null", "unreadable", "a JSON NoneType"),
    "nothing of an event": ({"hello": "world"}, "not-an-event", "`specversion`"),
    "a bare event without data": ({"type": "order_placed"}, "not-an-event", "`data` is NoneType"),
    "a bare event whose data is a list": ({"type": "order_placed", "data": []}, "not-an-event", "`data` is list"),
    "a bare event whose type is no text": ({"type": 7, "data": {}}, "not-an-event", "`type`"),
    "a bare event whose type is empty": ({"type": "", "data": {}}, "not-an-event", "`type`"),
    "no id": (without("id"), "not-an-event", "id"),
    "an empty id": (VALID | {"id": ""}, "not-an-event", "id"),
    "an id that is a number": (VALID | {"id": 7}, "not-an-event", "id"),
    "an id that is half a character": (VALID | {"id": "\ud800"}, "unreadable", "not JSON"),
    "no source": (without("source"), "not-an-event", "source"),
    "a source that is half a character": (VALID | {"source": "/\udfff"}, "unreadable", "not JSON"),
    "a number that is none": (b'{"type": "x", "data": {"total": NaN}}', "unreadable", "not JSON"),
    "a number without end": (b'{"type": "x", "data": {"total": ' + b"9" * 5_000 + b"}}", "unreadable", "not JSON"),
    "no type": (without("type"), "not-an-event", "type"),
    "another version": (VALID | {"specversion": "0.3"}, "not-an-event", "specversion"),
    "no data": (without("data"), "not-an-event", "`data` is NoneType"),
    "data that is text": (VALID | {"data": "order"}, "not-an-event", "`data` is str"),
    "data that is no base64": (without("data") | {"data_base64": "€"}, "not-an-event", "no CloudEvent"),
    "data in base64": (without("data") | {"data_base64": "e30="}, "not-an-event", "`data` is bytes"),
    "a time that is none": (VALID | {"time": "yesterday"}, "not-an-event", "no CloudEvent"),
    "a time without a zone": (VALID | {"time": "2026-11-20T08:00:00"}, "not-an-event", "timezone"),
    "a time that is a number": (VALID | {"time": 1}, "not-an-event", "no CloudEvent"),
    "a time after all others": (VALID | {"time": "9999-12-31T24:00:00Z"}, "not-an-event", "no CloudEvent"),
    "an attribute in upper case": (VALID | {"TraceParent": "x"}, "not-an-event", "TraceParent"),
    "too large": (json.dumps(VALID) + " " * MAX_BYTES, "too-large", "65,"),
}


@pytest.mark.parametrize(("body", "reason", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_parked_with_the_reason(body: Any, reason: str, said: str) -> None:
    with pytest.raises(Park) as parked:
        open_envelope(delivery(body))
    assert parked.value.reason == reason
    assert said in parked.value.description


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
almost_events = st.fixed_dictionaries(
    {},
    optional={
        "specversion": st.just("1.0") | json_values,
        "id": st.text(st.characters(), min_size=1) | json_values,
        "source": st.text(st.characters(), min_size=1) | json_values,
        "type": st.text(st.characters(), min_size=1) | json_values,
        "time": st.datetimes().map(str) | st.just("2026-11-20T08:00:00Z") | json_values,
        "data": st.dictionaries(st.text(), json_values, max_size=3) | json_values,
        "data_base64": json_values,
        "subject": json_values,
        "extension": json_values,
    },
)


def assert_opened_or_parked(body: bytes) -> None:
    with suppress(Park):
        envelope = open_envelope(delivery(body))
        assert len(envelope.key) <= LONGEST
        assert envelope.fingerprint
        assert isinstance(envelope.type, str)
        for data_type in (CustomerCreated, OrderPlaced, FeedbackReceived):
            understand(envelope, data_type)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_do_anything_but_open_or_park(body: bytes) -> None:
    assert_opened_or_parked(body)


@given(almost_events)
def test_nothing_that_looks_like_an_event_does_anything_but_open_or_park(content: dict[str, Any]) -> None:
    assert_opened_or_parked(json.dumps(content).encode())


@settings(max_examples=60)
@given(st.integers(min_value=1, max_value=1200), st.booleans())
def test_no_depth_of_nesting_does_anything_but_open_or_park(depth: int, structured: bool) -> None:
    opening = '{"specversion": "1.0", "id": "e", "source": "/s",' if structured else "{"
    body = f'{opening} "type": "order_placed", "data": {{"deep": {"[" * depth}{"]" * depth}}}}}'
    assert_opened_or_parked(body.encode())


valid_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(valid_text, valid_text, valid_text, st.dictionaries(valid_text, st.integers() | valid_text, max_size=4))
def test_what_the_cloudevents_library_writes_is_read_as_it_was_meant(
    id_: str, source: str, kind: str, data: dict[str, Any]
) -> None:
    time = datetime.fromisoformat("2026-11-20T08:00:00+02:00")
    event = CloudEvent({"id": id_, "source": source, "type": kind, "time": time}, data)
    envelope = open_envelope(delivery(JSONFormat().write(event)))
    assert (envelope.id, envelope.source, envelope.type, envelope.time) == (id_, source, kind, time)
    assert envelope.data == data


def test_an_event_without_a_time_has_none_and_does_not_get_the_present() -> None:
    assert "time" not in VALID
    assert open_envelope(delivery(VALID)).time is None


def test_a_bare_event_takes_the_message_id_of_its_first_delivery() -> None:
    first = open_envelope(delivery(bare(customer()), first_id="m-1"))
    copy = open_envelope(delivery(bare(customer()), first_id="m-1", message_id="something~else", attempt=3))
    other = open_envelope(delivery(bare(customer()), first_id="m-2"))
    assert (first.id, first.source, first.time) == ("m-1", BARE, None)
    assert first.key == copy.key != other.key


def test_the_same_id_of_another_source_is_another_event() -> None:
    keys = {open_envelope(delivery(VALID | {"source": source})).key for source in ("/shop", "/crm", BARE)}
    assert len(keys) == 3


def test_a_fingerprint_is_about_type_and_data_and_nothing_else() -> None:
    known = open_envelope(delivery(VALID | {"data": {"a": 1, "b": 2}}))
    again = open_envelope(delivery(VALID | {"data": {"b": 2, "a": 1}, "time": "2026-11-20T08:00:00Z"}))
    other = open_envelope(delivery(VALID | {"data": {"a": 1, "b": 3}}))
    assert known.fingerprint == again.fingerprint != other.fingerprint


class Limits(EventData):
    TYPE: ClassVar = "limits"

    amount: float = 0
    text: str = ""
    when: timedelta = timedelta(0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"amount": "much"}, "amount: "),
        ({"amount": "inf"}, "amount: "),
        ({"text": "x" * 20_001}, "text: "),
        ({"text": {"$ne": 1}}, "text: "),
        ({"amount": "a", "when": "b"}, "when: "),
    ],
)
def test_data_that_break_a_rule_are_parked_with_field_and_value(data: dict[str, Any], said: str) -> None:
    envelope = open_envelope(delivery(VALID | {"type": "limits", "data": data}))
    with pytest.raises(Park, match="wrong-schema: limits: ") as parked:
        understand(envelope, Limits)
    assert said in parked.value.description
    assert "(got " in parked.value.description


def test_fields_that_nobody_knows_are_let_through_unread() -> None:
    envelope = open_envelope(delivery(VALID | {"type": "limits", "data": {"amount": 1, "approve": True}}))
    assert understand(envelope, Limits).data == Limits(amount=1)


@pytest.mark.parametrize(
    ("ahead", "parks"), [(timedelta(0), False), (timedelta(minutes=59), False), (timedelta(days=1), True)]
)
def test_an_event_from_the_future_would_make_all_later_ones_stale_and_is_parked(
    ahead: timedelta, *, parks: bool
) -> None:
    sent = datetime(2026, 11, 22, 10, tzinfo=UTC)
    body = json.dumps(VALID | {"time": (sent + ahead).isoformat()}).encode()
    taken = replace(delivery(body), enqueued=sent)

    if parks:
        with pytest.raises(Park, match="from-the-future"):
            open_envelope(taken)
    else:
        assert open_envelope(taken).time == sent + ahead

"""The parser of the door: what it takes, the listener can open; all else is a Problem that says what is wrong."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.event import MAX_BYTES, open_envelope
from services.kernel.message import Outgoing
from services.kernel.problem import Problem
from services.sources.intake import BATCH, JSON, MOST_BYTES, MOST_EVENTS, SINGLE, Request, taken
from tests.services.events import cloud_event, delivery, order

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def request(content: Any, kind: str = JSON, key: str = "key-1", sent_by: str = "ada") -> Request:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Request(body, kind, sent_by, key, NOW)


def refused(content: Any, kind: str = JSON, key: str = "key-1") -> Problem:
    with pytest.raises(Problem) as problem:
        taken(request(content, kind, key))
    return problem.value


def reasons(problem: Problem) -> list[tuple[int, str, str]]:
    return [(each["index"], each["reason"], each["description"]) for each in problem.more["events"]]


@pytest.mark.parametrize("kind", [JSON, SINGLE, "application/json; charset=utf-8", "APPLICATION/CLOUDEVENTS+JSON"])
def test_one_event_is_taken_as_it_is(kind: str) -> None:
    event = cloud_event("order_placed", {"a": "ä"}, dataschema="https://shop.example/s", partitionkey="p")

    ((event_id, message),) = taken(request(event, kind))

    assert event_id == event["id"]
    assert json.loads(message.body) == {**event, "sentby": "ada"}


@pytest.mark.parametrize("kind", [JSON, BATCH])
def test_several_are_taken_in_their_order(kind: str) -> None:
    events = [cloud_event("order_placed", {"n": number}) for number in range(MOST_EVENTS)]

    assert [event_id for event_id, _ in taken(request(events, kind))] == [event["id"] for event in events]


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/cloudevents+avro", "json"])
def test_another_content_type_is_told_which_there_are(kind: str) -> None:
    problem = refused(order(), kind)

    assert (problem.status, problem.slug) == (415, "wrong-content-type")
    assert all(each in problem.detail for each in (SINGLE, BATCH, JSON, kind))


@pytest.mark.parametrize(
    ("body", "kind", "status", "slug"),
    [
        (b"", JSON, 400, "unreadable"),
        (b"{", JSON, 400, "unreadable"),
        (b"\xff", JSON, 400, "unreadable"),
        (b'{"type": "a", "data": {"x": NaN}}', JSON, 400, "unreadable"),
        (b"[" * 5_000, JSON, 400, "unreadable"),
        (b"[]", JSON, 400, "no-events"),
        (b"[]", SINGLE, 400, "not-an-event"),
        (b"{}", BATCH, 400, "not-a-batch"),
        (b" " * (MOST_BYTES + 1), JSON, 413, "too-large"),
        (json.dumps([{}] * (MOST_EVENTS + 1)).encode(), JSON, 413, "too-many"),
    ],
)
def test_a_body_that_holds_no_events_says_why(body: bytes, kind: str, status: int, slug: str) -> None:
    problem = refused(body, kind)

    assert (problem.status, problem.slug) == (status, slug)


@pytest.mark.parametrize(
    ("event", "reason", "says"),
    [
        (7, "unreadable", "JSON int, expected an object"),
        ({}, "not-an-event", "neither `specversion`"),
        ({"type": "a"}, "not-an-event", "`data` is NoneType"),
        ({"type": "a", "data": {}, "id": "E-1", "source": "/shop"}, "not-an-event", "id, source is there"),
        ({**order(), "id": ""}, "not-an-event", "id"),
        ({**order(), "specversion": "2.0"}, "not-an-event", "specversion"),
        ({**order(), "time": "yesterday"}, "not-an-event", "CloudEvent"),
        ({**order(), "time": (NOW + timedelta(hours=2)).isoformat()}, "from-the-future", "2026-11-22T11:00"),
        ({**order(), "data": "text"}, "not-an-event", "`data` is str"),
        ({**order(), "datacontenttype": "text/xml"}, "not-an-event", "'text/xml'"),
        ({**order(), "Wrong_Name": "x"}, "not-an-event", "Wrong_Name"),
        ({**order(), "type": "order placed"}, "bad-type", "'order placed'"),
        ({**order(), "type": "x" * 101}, "bad-type", "1 to 100"),
        ({**order(), "type": "step_succeeded"}, "not-from-outside", "'step_succeeded'"),
        ({**order(), "source": "/approvals/saga"}, "not-from-outside", "'/approvals/saga'"),
        ({**order(), "source": "urn:bare"}, "not-from-outside", "'urn:bare'"),
        (cloud_event("open_refund", {"order_id": "O-1"}), "not-routable", "`data.case_id` is missing"),
    ],
)
def test_a_bad_event_is_named_with_what_is_wrong_and_the_good_ones_beside_it_are_not_taken(
    event: Any, reason: str, says: str
) -> None:
    problem = refused([order(), event, order()])

    assert (problem.status, problem.slug) == (400, "bad-events")
    ((index, found, description),) = reasons(problem)
    assert (index, found) == (1, reason)
    assert says in description


def test_every_bad_event_is_named() -> None:
    problem = refused([7, order(), {}, cloud_event("retry", {})])

    assert [index for index, _, _ in reasons(problem)] == [0, 2, 3]
    assert problem.detail == "3 of 4 events cannot be taken; none was"


def test_an_event_that_grows_too_large_as_it_is_passed_on_is_refused_here_and_not_parked_there() -> None:
    """A letter of two bytes becomes an escape of six: what counts is what the listener gets."""
    room = MAX_BYTES - len(json.dumps(cloud_event("feedback_received", {"text": ""})))
    assert taken(request(cloud_event("feedback_received", {"text": "x" * (room - 100)})))

    for text in ("x" * (room + 1), "ä" * (room // 3), "x" * room):  # the last fits until it says who sent it
        problem = refused(cloud_event("feedback_received", {"text": text}))
        assert problem.status == 413
        assert [reason for _, reason, _ in reasons(problem)] == ["too-large"]


def test_an_id_that_stands_twice_is_one_event_or_a_mistake() -> None:
    event = order(attributes={"id": "E-1"})

    assert [event_id for event_id, _ in taken(request([event, event]))] == ["E-1", "E-1"]
    ((index, reason, _),) = reasons(refused([event, {**event, "data": {}}]))
    assert (index, reason) == (1, "id-reused")


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 201, "a\nb"])
def test_a_key_that_cannot_be_one_is_told(key: str) -> None:
    assert (refused(order(), key=key).status, refused(order(), key=key).slug) == (400, "bad-key")


def test_the_id_of_a_bare_event_follows_from_caller_key_and_place() -> None:
    content = [{"type": "a", "data": {}}] * 2

    def ids(**changes: str) -> list[str]:
        return [event_id for event_id, _ in taken(request(content, **changes))]

    assert ids() == ids()
    assert len({*ids(), *ids(key="key-2"), *ids(sent_by="bob")}) == 6


NAMES = st.sampled_from(["specversion", "id", "source", "type", "time", "data", "datacontenttype", "data_base64", "x"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1.0", "/shop", "order_placed", "open_refund", "2026-11-22T08:00:00Z", "application/json"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["case_id", "a"]), inner, max_size=2),
    max_leaves=5,
)
EVENTS = st.dictionaries(NAMES, VALUES, max_size=8) | st.builds(
    lambda changes: {**order(), **changes}, st.dictionaries(NAMES, VALUES, max_size=2)
)
BODIES = st.binary(max_size=40) | (EVENTS | st.lists(EVENTS | VALUES, max_size=3)).map(
    lambda content: json.dumps(content).encode()
)


@given(body=BODIES, kind=st.sampled_from([JSON, SINGLE, BATCH]))
def test_nothing_but_events_that_a_listener_can_open_or_a_problem_comes_out(body: bytes, kind: str) -> None:
    with suppress(Problem):
        for event_id, message in taken(request(body, kind)):
            _is_what_the_listener_gets(event_id, message)


def _is_what_the_listener_gets(event_id: str, message: Outgoing) -> None:
    envelope = open_envelope(delivery(message.body, enqueued=NOW))
    assert envelope.id == event_id
    assert envelope.key == message.event_key
    assert envelope.type == message.subject == message.to_service_bus().subject
    assert envelope.time is not None
    assert len(message.message_id) <= 128

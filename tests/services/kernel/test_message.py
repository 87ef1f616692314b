"""Ids of messages follow from what caused them, so that a broker can drop what a crash sends twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.entities import INSIGHTS
from services.inference.topology import AI_PROCESSOR
from services.kernel.delivery import ATTEMPT, FIRST_ID, SPENT
from services.kernel.effects import Announce
from services.kernel.event import EventData, open_envelope, understand
from services.kernel.message import Outgoing, outgoing, parked, retry_copy
from tests.services.events import bare, cloud_event, customer, delivery

LONGEST_ID = 128
OTHER = replace(AI_PROCESSOR, name="other")


class Said(EventData):
    TYPE: ClassVar = "said"


class Insight(BaseModel):
    words: str = "so it is"


def made(event: dict[str, Any], *, number: int = 0, kind: str = "insight", consumer: Any = AI_PROCESSOR) -> Outgoing:
    cause = understand(open_envelope(delivery(event)), Said)
    return outgoing(Announce(INSIGHTS, kind, Insight()), cause=cause, consumer=consumer, number=number)


def test_the_same_commit_makes_the_same_message_ids_each_time() -> None:
    event = cloud_event("said", {})
    assert made(event).message_id == made(event).message_id


def test_each_announcement_of_each_consumer_of_each_event_has_an_id_of_its_own() -> None:
    event = cloud_event("said", {})
    messages = [
        made(event),
        made(event, number=1),
        made(event, kind="other"),
        made(event, consumer=OTHER),
        made(cloud_event("said", {})),
    ]
    assert len({message.message_id for message in messages}) == len(messages)


def test_an_announcement_is_a_cloud_event_that_names_its_cause_and_is_routed_by_its_type() -> None:
    event = cloud_event("said", {}, id="e-1")
    message = made(event)
    envelope = open_envelope(delivery(message.body))
    assert (envelope.id, envelope.type, envelope.data) == (message.message_id, "insight", {"words": "so it is"})
    assert envelope.source == "/data-changes/ai-processor"
    assert (message.topic, message.subject, message.content_type) == (
        "insights",
        "insight",
        "application/cloudevents+json",
    )


def test_a_message_survives_the_outbox_as_it_is() -> None:
    announced = Announce(INSIGHTS, "insight", Insight(), session="S-1", at=datetime(2026, 11, 22, 10, tzinfo=UTC))
    cause = understand(open_envelope(delivery(cloud_event("said", {}))), Said)
    message = outgoing(announced, cause=cause, consumer=AI_PROCESSOR, number=0)
    assert Outgoing.model_validate(message.model_dump(mode="json")) == message
    sent = message.to_service_bus()
    assert (sent.session_id, sent.scheduled_enqueue_time_utc) == ("S-1", announced.at)


ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(ids, ids, st.integers(min_value=1, max_value=10**9 - 1))
def test_no_id_is_longer_than_service_bus_allows(event_id: str, message_id: str, attempt: int) -> None:
    event = cloud_event("said", {}, id=event_id)
    taken = delivery(event, message_id, attempt=attempt)
    key = open_envelope(taken).key
    sent = [
        made(event).message_id,
        retry_copy(taken, replace(AI_PROCESSOR, name="s" * 50), key, wait=1, spent=0).message_id,
        str(parked(taken, AI_PROCESSOR, reason="r", description="d", error="E", event=key).message_id),
    ]
    assert max(map(len, sent)) <= LONGEST_ID


def test_a_copy_is_for_its_subscription_alone_and_counts_on() -> None:
    # given
    first = delivery(customer(), "m-1", attempt=2, spent=100)
    key = open_envelope(first).key

    # when
    copy = retry_copy(first, AI_PROCESSOR, key, wait=30, spent=50)

    # then
    assert (copy.topic, copy.subject, copy.to) == ("data-changes", "retry", "ai-processor")
    assert copy.message_id.endswith("~ai-processor~3")
    assert copy.body.encode() == first.body
    assert copy.properties == {FIRST_ID: "m-1", ATTEMPT: 3, SPENT: 150}
    assert copy.at is not None
    assert timedelta(seconds=29) < copy.at - datetime.now(UTC) <= timedelta(seconds=30)


def test_the_same_delivery_makes_the_same_copy_and_another_message_of_the_event_another() -> None:
    event = customer()
    copies = [
        retry_copy(delivery(event, message_id), AI_PROCESSOR, "key", wait=wait, spent=0).message_id
        for message_id, wait in (("m-1", 1), ("m-1", 2), ("replay-1", 1))
    ]
    assert copies[0] == copies[1] != copies[2]


def test_a_copy_of_a_bare_event_keeps_its_id() -> None:
    # given
    first = delivery(bare(customer()), "m-1")
    envelope = open_envelope(first)

    # when
    copy = retry_copy(first, AI_PROCESSOR, envelope.key, wait=1, spent=0)
    again = delivery(copy.body, str(copy.properties[FIRST_ID]), message_id=copy.message_id, attempt=2)

    # then
    assert open_envelope(again) == envelope


def test_a_parked_message_has_the_body_untouched_and_all_that_a_replay_needs() -> None:
    # given
    taken = delivery(b"\xff not even text", "m-1", sequence=7, attempt=2)

    # when
    message = parked(taken, AI_PROCESSOR, reason="unreadable", description="x" * 5000, error="Park", event="")

    # then
    assert b"".join(message.body) == b"\xff not even text"
    assert message.application_properties == {
        "DeadLetterReason": "unreadable",
        "DeadLetterErrorDescription": "x" * 1024,
        "exception": "Park",
        "topic": "data-changes",
        "subscription": "ai-processor",
        "event": "",
        "origin": "ai-processor~7",
        "original_subject": "",
        FIRST_ID: "m-1",
        ATTEMPT: 2,
    }

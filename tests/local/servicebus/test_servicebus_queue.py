"""Sending to a queue, receiving from it and settling, with the official client."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from local.servicebus.config import Config, Queue, QueueProperties
from tests.local.servicebus.conftest import Start, drain

SECOND = timedelta(seconds=1)


def queue(name: str = "orders", **properties: Any) -> Config:
    return Config.of(queues=(Queue(name=name, properties=QueueProperties(**properties)),))


async def test_a_message_arrives_with_all_its_properties(start: Start) -> None:
    # given
    clients = await start(queue())
    sent = ServiceBusMessage(
        b"\x00body",
        message_id="m1",
        correlation_id="c1",
        subject="order_placed",
        content_type="application/json",
        to="somewhere",
        reply_to="answers",
        session_id="s1",
        reply_to_session_id="s2",
        time_to_live=timedelta(hours=1),
        application_properties={"n": 3, "yes": True, "half": 0.5, "id": uuid4(), "word": "ü"},
    )

    # when
    before = datetime.now(UTC)
    await clients.send("orders", sent)
    [got] = await drain(await clients.receiver("orders"))

    # then
    assert b"".join(got.body) == b"\x00body"
    assert (got.message_id, got.correlation_id, got.subject) == ("m1", "c1", "order_placed")
    assert (got.content_type, got.to, got.reply_to) == ("application/json", "somewhere", "answers")
    assert (got.session_id, got.reply_to_session_id, got.time_to_live) == ("s1", "s2", timedelta(hours=1))
    properties = got.application_properties or {}
    assert properties[b"n"] == 3
    assert properties[b"yes"] is True
    assert properties[b"half"] == 0.5
    assert properties[b"word"].decode() == "ü"
    assert (got.sequence_number, got.enqueued_sequence_number, got.delivery_count) == (1, 1, 0)
    assert got.state is ServiceBusMessageState.ACTIVE
    assert got.enqueued_time_utc
    assert abs(got.enqueued_time_utc - before) < 5 * SECOND
    assert got.locked_until_utc
    assert 50 * SECOND < got.locked_until_utc - before <= 65 * SECOND


@pytest.mark.parametrize(
    "body",
    [
        {"value_body": {"a": [1, "two"]}},
        {"sequence_body": [[1, 2], ["x"]]},
        {"data_body": [b"one", b"two"]},
        {"data_body": b""},
    ],
)
async def test_a_body_of_any_amqp_type_survives(start: Start, body: dict[str, Any]) -> None:
    # given
    clients = await start(queue())

    # when
    await clients.sender("orders").send_messages(AmqpAnnotatedMessage(**body))
    [got] = await drain(await clients.receiver("orders"))

    # then
    assert got.raw_amqp_message.body_type.value == next(iter(body)).removesuffix("_body")


async def test_a_batch_is_split_into_its_messages(start: Start) -> None:
    # given
    clients = await start(queue())

    # when
    await clients.sender("orders").send_messages([ServiceBusMessage(str(n)) for n in range(30)])

    # then
    assert await clients.receive("orders", 30) == [str(n) for n in range(30)]


async def test_a_message_that_is_itself_an_encoded_message_is_not_split(start: Start) -> None:
    # given a payload that a broker without the message format would take for a batch
    clients = await start(queue())
    inner = b"\x00\x53\x75\xa0\x02hi"

    # when
    await clients.send("orders", ServiceBusMessage(inner))
    [got] = await drain(await clients.receiver("orders"))

    # then
    assert b"".join(got.body) == inner


async def test_a_message_larger_than_a_frame_arrives_whole(start: Start) -> None:
    # given
    clients = await start(queue())
    body = bytes(range(256)) * 900

    # when
    await clients.send("orders", ServiceBusMessage(body))
    [got] = await drain(await clients.receiver("orders"))

    # then
    assert b"".join(got.body) == body


async def test_a_message_over_the_announced_size_is_refused_and_the_sender_goes_on(start: Start) -> None:
    # given
    clients = await start(queue())
    sender = clients.sender("orders")

    # when
    with pytest.raises(MessageSizeExceededError, match="262144"):
        await sender.send_messages(ServiceBusMessage(b"x" * 262_144))
    await clients.send("orders", "small")

    # then
    assert await clients.receive("orders") == ["small"]


async def test_a_batch_over_the_announced_size_is_refused_by_the_client(start: Start) -> None:
    # given
    clients = await start(queue(), max_message_size=100_000)
    sender = clients.sender("orders")
    async with sender:
        batch = await sender.create_message_batch()

        # when / then
        assert batch.max_size_in_bytes == 262_144  # the SDK knows two sizes only
        batch.add_message(ServiceBusMessage(b"x" * 200_000))
        with pytest.raises(MessageSizeExceededError):
            await sender.send_messages(batch)


async def test_an_unknown_entity_is_named_and_the_known_ones_are_listed(start: Start) -> None:
    # given
    clients = await start(queue())

    # when / then
    with pytest.raises(MessagingEntityNotFoundError, match=r"'nothing'.*config has: orders"):
        await clients.send("nothing", "x")
    with pytest.raises(MessagingEntityNotFoundError, match="'nothing'"):
        await clients.receiver("nothing")


async def test_names_are_found_whatever_their_case(start: Start) -> None:
    # given
    clients = await start(queue("Orders"))

    # when
    await clients.send("oRDERS", "x")

    # then
    assert await clients.receive("ORDERS") == ["x"]


async def test_an_abandoned_message_comes_again_until_it_is_dead_lettered(start: Start) -> None:
    # given
    clients = await start(queue(max_delivery_count=3))
    await clients.send("orders", "poison")
    receiver = await clients.receiver("orders")

    # when
    counts: list[int | None] = []
    for _ in range(3):
        [message] = await drain(receiver)
        counts.append(message.delivery_count)
        await receiver.abandon_message(message)

    # then
    assert counts == [0, 1, 2]
    [dead] = await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert "3 delivery attempts" in (dead.dead_letter_error_description or "")
    assert str(dead) == "poison"


async def test_a_dead_lettered_message_keeps_its_properties_and_gains_the_reason(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", ServiceBusMessage("bad", application_properties={"tenant": "a", "n": 1}))
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)

    # when
    await receiver.dead_letter_message(message, reason="Unreadable", error_description="no JSON")

    # then
    dead_letters = await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    [dead] = await drain(dead_letters)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Unreadable", "no JSON")
    assert (dead.application_properties or {})[b"tenant"] == b"a"
    assert (dead.application_properties or {})[b"n"] == 1
    assert dead.sequence_number == message.sequence_number
    await dead_letters.complete_message(dead)
    assert await clients.receive("orders") == []


async def test_a_dead_letter_cannot_be_dead_lettered_again(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "bad")
    receiver = await clients.receiver("orders")
    await receiver.dead_letter_message((await drain(receiver))[0])
    dead_letters = await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    # when
    with pytest.raises(ServiceBusError, match="has no dead-letter queue"):
        await dead_letters.dead_letter_message((await drain(dead_letters))[0])

    # then
    assert len(await drain(dead_letters)) == 1


async def test_a_message_whose_lock_expired_is_delivered_again_and_the_late_settlement_fails(start: Start) -> None:
    # given
    clients = await start(queue(lock_duration=SECOND / 2))
    await clients.send("orders", "slow")
    receiver = await clients.receiver("orders")
    [first] = await drain(receiver)

    # when
    [second] = await drain(receiver)

    # then
    assert second.delivery_count == 1
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(first)
    await receiver.complete_message(second)
    assert await clients.receive("orders") == []


async def test_the_broker_itself_refuses_to_settle_after_the_lock_is_gone(start: Start) -> None:
    # given a client that believes its lock still holds
    clients = await start(queue(lock_duration=SECOND / 2))
    await clients.send("orders", "slow")
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)
    message._raw_amqp_message.annotations[b"x-opt-locked-until"] = 4_000_000_000_000

    # when / then
    await asyncio.sleep(0.7)
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(message)


async def test_a_renewed_lock_holds_beyond_its_first_end(start: Start) -> None:
    # given
    clients = await start(queue(lock_duration=SECOND))
    await clients.send("orders", "slow")
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)

    # when
    await asyncio.sleep(0.6)
    until = await receiver.renew_message_lock(message)
    await asyncio.sleep(0.6)
    await receiver.complete_message(message)

    # then
    assert until - SECOND <= datetime.now(UTC) < until
    assert await receiver.peek_messages(sequence_number=1) == []


async def test_renewing_a_lost_lock_fails(start: Start) -> None:
    # given
    clients = await start(queue(lock_duration=SECOND / 2))
    await clients.send("orders", "slow")
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)
    message._raw_amqp_message.annotations[b"x-opt-locked-until"] = 4_000_000_000_000

    # when / then
    await asyncio.sleep(0.7)
    with pytest.raises(MessageLockLostError):
        await receiver.renew_message_lock(message)


async def test_receive_and_delete_takes_messages_without_settling(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "a", "b")

    # when
    receiver = await clients.receiver("orders", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    found = await drain(receiver, 2)

    # then
    assert [str(message) for message in found] == ["a", "b"]
    assert await clients.receive("orders") == []


async def test_a_deferred_message_is_out_of_the_way_until_it_is_asked_for(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "later")
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)
    await receiver.defer_message(message)
    assert await drain(receiver, wait=0.2) == []

    # when
    [deferred] = await receiver.receive_deferred_messages(message.sequence_number or 0)
    await receiver.complete_message(deferred)

    # then
    with pytest.raises(MessageNotFoundError):
        await receiver.receive_deferred_messages(message.sequence_number or 0)


@pytest.mark.parametrize("settle", ["abandon_message", "defer_message"])
async def test_a_deferred_message_stays_deferred_unless_completed(start: Start, settle: str) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "later")
    receiver = await clients.receiver("orders")
    [message] = await drain(receiver)
    await receiver.defer_message(message)
    [deferred] = await receiver.receive_deferred_messages(message.sequence_number or 0)

    # when
    await getattr(receiver, settle)(deferred)

    # then
    [peeked] = await receiver.peek_messages(sequence_number=1)
    assert peeked.state is ServiceBusMessageState.DEFERRED
    assert await receiver.receive_deferred_messages(message.sequence_number or 0)


async def test_a_deferred_message_can_be_dead_lettered_and_deleted(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "one", "two")
    receiver = await clients.receiver("orders")
    first, second = await drain(receiver, 2)
    await receiver.defer_message(first)
    await receiver.defer_message(second)

    # when
    [one] = await receiver.receive_deferred_messages(first.sequence_number or 0)
    await receiver.dead_letter_message(one, reason="Why")
    taker = await clients.receiver("orders", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    [two] = await taker.receive_deferred_messages(second.sequence_number or 0)

    # then
    assert str(two) == "two"
    assert await receiver.peek_messages(sequence_number=1) == []
    [dead] = await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
    assert dead.dead_letter_reason == "Why"


async def test_peek_shows_messages_in_every_state_and_locks_none(start: Start) -> None:
    # given one message locked, one deferred, one available, one scheduled
    clients = await start(queue())
    await clients.send("orders", "locked", "deferred", "free")
    receiver = await clients.receiver("orders")
    _, deferred = await drain(receiver, 2)
    await receiver.defer_message(deferred)
    due = datetime.now(UTC) + timedelta(hours=1)
    await clients.sender("orders").schedule_messages(ServiceBusMessage("scheduled"), due)

    # when
    peeked = await receiver.peek_messages(10, sequence_number=1)

    # then
    assert [(str(m), m.state) for m in peeked] == [
        ("locked", ServiceBusMessageState.ACTIVE),
        ("deferred", ServiceBusMessageState.DEFERRED),
        ("free", ServiceBusMessageState.ACTIVE),
        ("scheduled", ServiceBusMessageState.SCHEDULED),
    ]
    assert [str(m) for m in await receiver.peek_messages(10, sequence_number=3)] == ["free", "scheduled"]
    assert await receiver.peek_messages(10, sequence_number=99) == []


async def test_closing_a_receiver_gives_back_what_it_had_only_buffered(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.send("orders", "a", "b", "c")
    receiver = await clients.receiver("orders", prefetch_count=10)
    [first] = await receiver.receive_messages(1, max_wait_time=1)
    await receiver.complete_message(first)

    # when
    await clients.close(receiver)

    # then the others are available at once and their deliveries do not count
    again = await drain(await clients.receiver("orders"), 2)
    assert [(str(m), m.delivery_count) for m in again] == [("b", 0), ("c", 0)]


async def test_a_message_held_by_a_closed_receiver_waits_for_its_lock_to_expire(start: Start) -> None:
    # given
    clients = await start(queue(lock_duration=SECOND))
    await clients.send("orders", "held")
    receiver = await clients.receiver("orders")
    await drain(receiver)

    # when
    await clients.close(receiver)

    # then
    other = await clients.receiver("orders")
    assert await drain(other, wait=0.2) == []
    [again] = await drain(other)
    assert again.delivery_count == 1


async def test_two_receivers_share_a_queue(start: Start) -> None:
    # given
    clients = await start(queue())
    one, other = await clients.receiver("orders"), await clients.receiver("orders")
    waiting = [asyncio.create_task(r.receive_messages(1, max_wait_time=3)) for r in (one, other)]
    await asyncio.sleep(0.4)

    # when
    await clients.send("orders", "a", "b")

    # then
    assert sorted(str(m) for found in await asyncio.gather(*waiting) for m in found) == ["a", "b"]


async def test_a_message_expires_and_is_dead_lettered_where_the_queue_says_so(start: Start) -> None:
    # given
    clients = await start(queue(default_message_time_to_live=SECOND / 4, dead_lettering_on_message_expiration=True))

    # when
    await clients.send("orders", ServiceBusMessage("old", time_to_live=timedelta(hours=1)))
    await asyncio.sleep(0.4)

    # then
    assert await clients.receive("orders") == []
    [dead] = await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
    assert dead.dead_letter_reason == "TTLExpiredException"


async def test_a_message_with_its_own_shorter_life_expires_first(start: Start) -> None:
    # given
    clients = await start(queue())

    # when
    await clients.send("orders", ServiceBusMessage("short", time_to_live=SECOND), "long")
    await asyncio.sleep(1.1)

    # then
    assert await clients.receive("orders") == ["long"]
    assert await clients.receive("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER) == []


async def test_a_repeated_message_id_is_dropped_within_the_window_and_taken_after_it(start: Start) -> None:
    # given
    window = {"requires_duplicate_detection": True, "duplicate_detection_history_time_window": SECOND}
    clients = await start(queue(**window))
    message = ServiceBusMessage("once", message_id="m1")

    # when
    await clients.send("orders", message, message)
    within = await clients.receive("orders")
    await clients.send("orders", message)
    completed_counts_too = await clients.receive("orders")
    await asyncio.sleep(1)
    await clients.send("orders", message)

    # then
    assert within == ["once"]
    assert completed_counts_too == []
    assert await clients.receive("orders") == ["once"]


@pytest.mark.parametrize("how", ["property", "operation"])
async def test_a_scheduled_message_comes_when_it_is_due_with_a_new_number(start: Start, how: str) -> None:
    # given
    clients = await start(queue())
    due = datetime.now(UTC) + SECOND

    # when
    if how == "property":
        await clients.send("orders", ServiceBusMessage("due", scheduled_enqueue_time_utc=due))
    else:
        await clients.sender("orders").schedule_messages(ServiceBusMessage("due"), due)
    receiver = await clients.receiver("orders")
    assert await drain(receiver, wait=0.2) == []

    # then
    [message] = await drain(receiver)
    assert message.sequence_number == 2
    assert message.enqueued_time_utc
    assert due - SECOND / 10 <= message.enqueued_time_utc <= due + SECOND


async def test_a_cancelled_scheduled_message_never_comes(start: Start) -> None:
    # given
    clients = await start(queue())
    sender = clients.sender("orders")
    numbers = await sender.schedule_messages(
        [ServiceBusMessage("a"), ServiceBusMessage("b")], datetime.now(UTC) + SECOND / 2
    )

    # when
    await sender.cancel_scheduled_messages(numbers[0])

    # then
    await asyncio.sleep(0.6)
    assert await clients.receive("orders") == ["b"]
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages(numbers[0])


async def test_a_message_id_that_is_too_long_is_refused(start: Start) -> None:
    # given a message that goes around the client's own check
    clients = await start(queue())
    raw = AmqpAnnotatedMessage(data_body=b"x", properties={"message_id": "m" * 129})

    # when / then
    with pytest.raises(ServiceBusError, match="MessageId has 129 characters; at most 128"):
        await clients.sender("orders").send_messages(raw)


async def test_a_hundred_messages_settled_at_once_are_all_settled(start: Start) -> None:
    # given
    clients = await start(queue())
    await clients.sender("orders").send_messages([ServiceBusMessage(str(n)) for n in range(100)])
    receiver = await clients.receiver("orders", prefetch_count=100)

    # when
    found = await drain(receiver, 100)
    await asyncio.gather(*(receiver.complete_message(message) for message in found))

    # then
    assert len(found) == 100
    assert await receiver.peek_messages(sequence_number=1) == []

"""Sessions: order, locks and state, with the official client."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import AutoLockRenewer
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from local.servicebus.config import Config, Queue, QueueProperties
from tests.local.servicebus.conftest import Clients, Start, drain

SECOND = timedelta(seconds=1)


def config(**properties: Any) -> Config:
    commands = Queue(name="commands", properties=QueueProperties(requires_session=True, **properties))
    return Config.of(queues=(commands, Queue(name="plain")))


async def send(clients: Clients, **bodies: str) -> None:
    for session, body in bodies.items():
        for part in body.split():
            await clients.send("commands", ServiceBusMessage(part, session_id=session))


async def test_a_session_receiver_gets_its_session_only_and_in_order(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="1 2", b="x")
    await send(clients, a="3")

    # when
    receiver = await clients.receiver("commands", session_id="a")
    found = await drain(receiver, 3)

    # then
    assert [str(message) for message in found] == ["1", "2", "3"]
    assert {message.session_id for message in found} == {"a"}


async def test_an_abandoned_message_comes_before_the_later_ones_of_its_session(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="1 2")
    receiver = await clients.receiver("commands", session_id="a")
    [first] = await drain(receiver)

    # when
    await receiver.abandon_message(first)

    # then
    assert [(str(m), m.delivery_count) for m in await drain(receiver, 2)] == [("1", 1), ("2", 0)]


async def test_next_available_takes_the_session_that_waits_longest_and_is_free(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, b="1", a="1")

    # when
    first = await clients.receiver("commands", session_id=NEXT_AVAILABLE_SESSION)
    second = await clients.receiver("commands", session_id=NEXT_AVAILABLE_SESSION)

    # then
    assert (first.session.session_id, second.session.session_id) == ("b", "a")


async def test_next_available_waits_for_a_session_to_come(start: Start) -> None:
    # given
    clients = await start(config())
    waiting = asyncio.create_task(clients.receiver("commands", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5))
    await asyncio.sleep(0.3)

    # when
    await send(clients, late="1")

    # then
    receiver = await waiting
    assert receiver.session.session_id == "late"
    assert [str(message) for message in await drain(receiver)] == ["1"]


async def test_next_available_gives_up_after_its_time(start: Start) -> None:
    # given
    clients = await start(config())

    # when / then
    with pytest.raises(OperationTimeoutError):
        await clients.receiver("commands", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=0.5)


async def test_a_session_has_one_receiver_at_a_time(start: Start) -> None:
    # given
    clients = await start(config())
    holder = await clients.receiver("commands", session_id="a")

    # when / then
    with pytest.raises(SessionCannotBeLockedError, match="session 'a' is locked"):
        await clients.receiver("commands", session_id="a")
    await clients.close(holder)
    await clients.receiver("commands", session_id="a")


async def test_a_closed_session_gives_its_messages_back_without_counting_the_delivery(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="1")
    receiver = await clients.receiver("commands", session_id="a")
    await drain(receiver)

    # when
    await clients.close(receiver)

    # then
    [again] = await drain(await clients.receiver("commands", session_id="a"))
    assert again.delivery_count == 0


async def test_an_expired_session_lock_closes_the_receiver_and_counts_the_delivery(start: Start) -> None:
    # given
    clients = await start(config(lock_duration=SECOND / 2))
    await send(clients, a="1")
    receiver = await clients.receiver("commands", session_id="a")
    [message] = await drain(receiver)

    # when
    await asyncio.sleep(0.7)

    # then
    with pytest.raises(SessionLockLostError):
        await receiver.complete_message(message)
    [again] = await drain(await clients.receiver("commands", session_id="a"))
    assert again.delivery_count == 1


async def test_a_session_receiver_that_dies_frees_its_session_and_its_delivery_counts(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="1")
    receiver = await clients.receiver("commands", session_id="a")
    await drain(receiver)

    # when its connection breaks without a word
    receiver._handler._connection._transport.writer.transport.abort()
    await asyncio.sleep(0.1)

    # then
    [again] = await drain(await clients.receiver("commands", session_id="a"))
    assert again.delivery_count == 1


async def test_a_receiver_waiting_for_messages_learns_that_its_session_is_lost(start: Start) -> None:
    # given
    clients = await start(config(lock_duration=SECOND / 2))
    receiver = await clients.receiver("commands", session_id="a")
    receiver.session._locked_until_utc = None

    # when / then
    with pytest.raises(SessionLockLostError, match="lock on session 'a' of 'commands' expired"):
        await receiver.receive_messages(1, max_wait_time=3)


async def test_a_renewed_session_lock_holds_beyond_its_first_end(start: Start) -> None:
    # given
    clients = await start(config(lock_duration=3 * SECOND))  # below that the SDK's renewer comes too late
    await send(clients, a="1")
    receiver = await clients.receiver("commands", session_id="a")
    [message] = await drain(receiver)

    # when
    async with AutoLockRenewer() as renewer:
        renewer.register(receiver, receiver.session, max_lock_renewal_duration=10)
        await asyncio.sleep(3.2)
        await receiver.complete_message(message)

    # then
    assert await receiver.peek_messages(sequence_number=1) == []


async def test_session_state_stays_when_the_receiver_goes(start: Start) -> None:
    # given
    clients = await start(config())
    receiver = await clients.receiver("commands", session_id="a")
    assert await receiver.session.get_state() is None

    # when
    await receiver.session.set_state(b"step 2")
    await clients.close(receiver)

    # then
    again = await clients.receiver("commands", session_id="a")
    assert await again.session.get_state() == b"step 2"
    await again.session.set_state(None)
    assert await again.session.get_state() is None


async def test_sessions_with_messages_can_be_listed(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, b="1", a="1 2")

    # when / then
    assert sorted([session async for session in clients.client.list_queue_sessions("commands")]) == ["a", "b"]


async def test_a_deferred_message_of_a_session_is_received_under_the_session_lock(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="later")
    receiver = await clients.receiver("commands", session_id="a")
    [message] = await drain(receiver)
    await receiver.defer_message(message)

    # when
    [deferred] = await receiver.receive_deferred_messages(message.sequence_number or 0)
    await receiver.complete_message(deferred)

    # then
    assert await receiver.peek_messages(sequence_number=1) == []


async def test_peek_on_a_session_receiver_shows_that_session(start: Start) -> None:
    # given
    clients = await start(config())
    await send(clients, a="1", b="2")

    # when
    receiver = await clients.receiver("commands", session_id="b")

    # then
    assert [str(message) for message in await receiver.peek_messages(sequence_number=1)] == ["2"]


@pytest.mark.parametrize(
    ("entity", "options", "why"),
    [
        ("commands", {}, "'commands' needs sessions"),
        ("plain", {"session_id": "a"}, "'plain' does not have sessions"),
        ("plain", {"session_id": NEXT_AVAILABLE_SESSION, "max_wait_time": 2}, "'plain' does not have sessions"),
    ],
)
async def test_a_receiver_of_the_wrong_kind_is_refused(
    start: Start, entity: str, options: dict[str, Any], why: str
) -> None:
    # given
    clients = await start(config())

    # when / then
    with pytest.raises(ServiceBusError, match=why):
        await clients.receiver(entity, **options)


async def test_a_message_without_session_is_refused_by_a_queue_that_needs_one(start: Start) -> None:
    # given
    clients = await start(config())

    # when / then
    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        await clients.send("commands", "lonely")

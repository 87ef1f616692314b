import asyncio
import time
from collections import defaultdict
from datetime import timedelta

import azure.functions as func
import pytest
from azure.servicebus import ServiceBusMessage

from local.servicebus.server import ServiceBusEmulator
from tests.local.host.support import app_on_queue, dead_letters, host_json, hosting, queue, send, settings_of, until


def _message(session: str, number: int) -> ServiceBusMessage:
    return ServiceBusMessage(str(number), session_id=session, message_id=f"{session}{number}")


async def test_a_sessions_messages_come_strictly_in_order_and_sessions_run_side_by_side() -> None:
    # given
    order, running, peak = defaultdict[str, list[str]](list), set[str](), 0

    async def on_step(message: func.ServiceBusMessage) -> None:
        nonlocal peak
        session = message.session_id or ""
        assert session not in running, "two messages of one session at once"
        running.add(session)
        peak = max(peak, len(running))
        await asyncio.sleep(0.02)
        running.discard(session)
        order[session].append(message.get_body().decode())

    # when
    limits = host_json(maxConcurrentSessions=3, sessionIdleTimeout="00:00:01")
    async with ServiceBusEmulator(queue(requires_session=True)) as bus:
        await send(bus, *(_message(session, number) for number in range(8) for session in "abc"))
        async with hosting(app_on_queue(on_step, limits, bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: sum(map(len, order.values())) == 24)

    # then
    assert dict(order) == {session: [str(number) for number in range(8)] for session in "abc"}
    assert peak == 3


async def test_an_idle_session_makes_room_for_the_next() -> None:
    # given
    times = dict[str, float]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        times[message.session_id or ""] = time.monotonic()

    # when
    limits = host_json(maxConcurrentSessions=1, sessionIdleTimeout="00:00:00.5")
    async with ServiceBusEmulator(queue(requires_session=True)) as bus:
        await send(bus, _message("a", 1), _message("b", 1))
        async with hosting(app_on_queue(on_step, limits, bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: len(times) == 2)

    # then
    assert times["b"] - times["a"] >= 0.5


async def test_a_failed_message_comes_again_before_the_next_one_of_its_session() -> None:
    # given
    seen = list[tuple[str, int | None]]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        body = message.get_body().decode()
        seen.append((body, message.delivery_count))
        if body == "0" and message.delivery_count == 1:
            raise ValueError("not yet")

    # when
    async with ServiceBusEmulator(queue(requires_session=True)) as bus:
        await send(bus, *(_message("a", number) for number in range(3)))
        async with hosting(app_on_queue(on_step, host_json(), bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: len(seen) == 4)

    # then
    assert seen == [("0", 1), ("0", 2), ("1", 1), ("2", 1)]


async def test_a_call_that_outlasts_the_session_lock_keeps_its_session() -> None:
    # given
    seen = list[tuple[str, int | None]]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        if not seen:
            await asyncio.sleep(1.6)
        seen.append((message.get_body().decode(), message.delivery_count))

    # when
    lock = timedelta(seconds=1)
    async with ServiceBusEmulator(queue(requires_session=True, lock_duration=lock)) as bus:
        await send(bus, _message("a", 0), _message("a", 1))
        async with hosting(app_on_queue(on_step, host_json(), bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: len(seen) == 2)

    # then
    assert seen == [("0", 1), ("1", 1)]


async def test_a_lost_session_lock_is_logged_and_the_message_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    # given
    counts = list[int | None]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if len(counts) == 1:
            await asyncio.sleep(1.5)

    # when
    limits = host_json(maxAutoLockRenewalDuration="00:00:00")
    properties = {"requires_session": True, "lock_duration": timedelta(seconds=1)}
    async with ServiceBusEmulator(queue(**properties)) as bus:
        await send(bus, _message("a", 0))
        async with hosting(app_on_queue(on_step, limits, bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: len(counts) >= 2)

    # then
    assert "was lost" in caplog.text


async def test_a_session_batch_is_of_one_session_and_in_order() -> None:
    # given
    batches = list[list[str]]()

    async def on_steps(message: list[func.ServiceBusMessage]) -> None:
        batches.append([each.message_id for each in message])

    # when
    limits = host_json(sessionIdleTimeout="00:00:00.3", maxMessageBatchSize=2)
    async with ServiceBusEmulator(queue(requires_session=True)) as bus:
        await send(bus, *(_message(session, number) for number in range(3) for session in "ab"))
        app = app_on_queue(on_steps, limits, bus, is_sessions_enabled=True, cardinality="many")
        async with hosting(app, settings_of(bus)):
            await until(lambda: sum(map(len, batches)) == 6)

    # then
    assert sorted(batches) == [["a0", "a1"], ["a2"], ["b0", "b1"], ["b2"]]


async def test_a_poison_message_of_a_session_is_dead_lettered_and_the_session_goes_on() -> None:
    # given
    done = list[str]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        if message.message_id == "a0":
            raise ValueError("poison")
        done.append(message.message_id)

    # when
    async with ServiceBusEmulator(queue(requires_session=True, max_delivery_count=2)) as bus:
        await send(bus, _message("a", 0), _message("a", 1))
        async with hosting(app_on_queue(on_step, host_json(), bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: bool(done))
        dead = await dead_letters(bus, 1)

    # then
    assert done == ["a1"]
    assert [message.message_id for message in dead] == ["a0"]


async def test_a_session_that_was_held_for_long_enough_is_given_back_between_two_messages() -> None:
    # given
    order = list[str]()

    async def on_step(message: func.ServiceBusMessage) -> None:
        await asyncio.sleep(0.1)
        order.append(message.session_id or "")

    # when
    limits = host_json(maxConcurrentSessions=1, maxAutoLockRenewalDuration="00:00:00.25", sessionIdleTimeout="00:00:01")
    async with ServiceBusEmulator(queue(requires_session=True)) as bus:
        await send(bus, *(_message(session, number) for number in range(6) for session in "ab"))
        async with hosting(app_on_queue(on_step, limits, bus, is_sessions_enabled=True), settings_of(bus)):
            await until(lambda: len(order) == 12)

    # then
    assert order[0] != order[5], "the other session had its turn before the first was done"
    assert sorted(order) == ["a"] * 6 + ["b"] * 6

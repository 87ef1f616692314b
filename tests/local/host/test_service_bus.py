import asyncio
import itertools
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.servicebus import ServiceBusMessage

from local.host.errors import HostError
from local.servicebus.server import ServiceBusEmulator
from tests.local.host.support import (
    app_on_queue,
    dead_letters,
    host_json,
    host_process,
    hosting,
    queue,
    ready,
    send,
    settings_of,
    until,
    write_app,
)


async def test_as_many_calls_run_at_once_as_host_json_allows_and_no_more() -> None:
    # given
    running, peak, done = 0, 0, 0

    async def on_order(message: func.ServiceBusMessage) -> None:
        nonlocal running, peak, done
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.05)
        running -= 1
        done += 1

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, *(str(number) for number in range(24)))
        async with hosting(app_on_queue(on_order, host_json(maxConcurrentCalls=6), bus), settings_of(bus)):
            await until(lambda: done == 24)

    # then
    assert peak == 6


async def test_sync_functions_run_side_by_side_in_threads() -> None:
    # given
    import threading

    together = threading.Barrier(3, timeout=5)
    done = list[str]()

    def on_order(message: func.ServiceBusMessage) -> None:
        together.wait()
        done.append(message.message_id)

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, "a", "b", "c")
        async with hosting(app_on_queue(on_order, host_json(maxConcurrentCalls=3), bus), settings_of(bus)):
            await until(lambda: len(done) == 3)

    # then
    assert len(set(done)) == 3


async def test_a_message_whose_function_raises_is_delivered_again_and_dead_lettered_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    counts = list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        raise ValueError("no such customer")

    # when
    async with ServiceBusEmulator(queue(max_delivery_count=3)) as bus:
        async with hosting(app_on_queue(on_order, host_json(), bus), settings_of(bus)):
            await send(bus, ServiceBusMessage("x", message_id="poison"))
            await until(lambda: len(counts) == 3)
        dead = await dead_letters(bus, 1)

    # then
    assert counts == [1, 2, 3]
    assert [message.message_id for message in dead] == ["poison"]
    assert dead[0].dead_letter_reason == "MaxDeliveryCountExceeded"
    failures = [record for record in caplog.records if "failed" in record.getMessage()]
    assert (
        failures[0].getMessage() == "shop: on_order failed on message poison, delivery 1: ValueError: no such customer"
    )
    assert not failures[0].exc_info


async def test_a_call_that_outlasts_the_lock_keeps_its_message() -> None:
    # given
    counts = list[int | None]()
    done = asyncio.Event()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        await asyncio.sleep(1.6)
        done.set()

    # when
    async with (
        ServiceBusEmulator(queue(lock_duration=timedelta(seconds=1))) as bus,
        hosting(app_on_queue(on_order, host_json(), bus), settings_of(bus)),
    ):
        await send(bus, "x")
        await asyncio.wait_for(done.wait(), 5)
        await asyncio.sleep(0.3)

    # then
    assert counts == [1]


async def test_a_lock_is_not_renewed_for_longer_than_host_json_allows(caplog: pytest.LogCaptureFixture) -> None:
    # given
    counts = list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if message.delivery_count == 1:
            await asyncio.sleep(1.3)

    # when
    limits = host_json(maxAutoLockRenewalDuration="00:00:00")
    async with (
        ServiceBusEmulator(queue(lock_duration=timedelta(seconds=1))) as bus,
        hosting(app_on_queue(on_order, limits, bus), settings_of(bus)),
    ):
        await send(bus, "x")
        await until(lambda: len(counts) == 2)

    # then
    assert counts == [1, 2]
    assert "was lost, so it comes again" in caplog.text


async def test_a_call_that_outlasts_function_timeout_is_cancelled_and_its_message_comes_again() -> None:
    # given
    cancelled, counts = list[bool](), list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if message.delivery_count == 1:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    # when
    async with (
        ServiceBusEmulator(queue()) as bus,
        hosting(app_on_queue(on_order, host_json(timeout="00:00:01"), bus), settings_of(bus)),
    ):
        await send(bus, "x")
        await until(lambda: len(counts) == 2)

    # then
    assert counts == [1, 2]
    assert cancelled == [True]


async def test_a_timeout_of_the_functions_own_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    # given
    counts = list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if message.delivery_count == 1:
            raise TimeoutError("the model is slow")

    # when
    async with ServiceBusEmulator(queue()) as bus, hosting(app_on_queue(on_order, host_json(), bus), settings_of(bus)):
        await send(bus, "x")
        await until(lambda: len(counts) == 2)

    # then
    assert "TimeoutError: the model is slow" in caplog.text


async def test_without_auto_complete_a_message_comes_again_when_its_lock_expires() -> None:
    # given
    counts = list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)

    # when
    async with (
        ServiceBusEmulator(queue(lock_duration=timedelta(seconds=1))) as bus,
        hosting(app_on_queue(on_order, host_json(autoCompleteMessages=False), bus), settings_of(bus)),
    ):
        await send(bus, "x")
        await until(lambda: len(counts) == 2)

    # then
    assert counts == [1, 2]


async def test_cardinality_many_brings_lists_up_to_the_batch_size_one_call_at_a_time() -> None:
    # given
    batches, running = list[list[str]](), 0

    async def on_orders(message: list[func.ServiceBusMessage]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        batches.append([each.get_body().decode() for each in message])
        await asyncio.sleep(0.01)
        running -= 1

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, *(str(number) for number in range(10)))
        app = app_on_queue(on_orders, host_json(maxMessageBatchSize=4), bus, cardinality="many")
        async with hosting(app, settings_of(bus)):
            await until(lambda: sum(map(len, batches)) == 10)

    # then
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(itertools.chain(*batches), key=int) == [str(number) for number in range(10)]


async def test_a_batch_whose_function_raises_comes_again_as_a_whole() -> None:
    # given
    counts = list[list[int | None]]()

    async def on_orders(message: list[func.ServiceBusMessage]) -> None:
        counts.append([each.delivery_count for each in message])
        if len(counts) == 1:
            raise ValueError("no")

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, "a", "b")
        async with hosting(app_on_queue(on_orders, host_json(), bus, cardinality="many"), settings_of(bus)):
            await until(lambda: len(counts) == 2)

    # then
    assert counts == [[1, 1], [2, 2]]


async def test_two_hosts_share_a_subscription_and_each_message_is_handled_once() -> None:
    # given
    seen: dict[str, list[str]] = {"left": [], "right": []}

    def handler(name: str) -> Callable[..., Any]:
        async def on_order(message: func.ServiceBusMessage) -> None:
            seen[name].append(message.message_id)
            await asyncio.sleep(0.02)

        return on_order

    # when
    limits = host_json(maxConcurrentCalls=2)
    async with ServiceBusEmulator(queue()) as bus:
        left, right = (app_on_queue(handler(name), limits, bus) for name in seen)
        async with hosting(left, settings_of(bus)), hosting(right, settings_of(bus)):
            await send(bus, *(ServiceBusMessage(b"", message_id=str(number)) for number in range(40)))
            await until(lambda: len(seen["left"]) + len(seen["right"]) == 40)

    # then
    assert sorted(seen["left"] + seen["right"], key=int) == [str(number) for number in range(40)]
    assert min(len(ids) for ids in seen.values()) > 5


@pytest.mark.parametrize(("slots", "sent"), [(2, 6), (8, 2)])
async def test_a_stop_lets_running_calls_finish_and_leaves_the_rest_in_the_queue(slots: int, sent: int) -> None:
    # given
    started, finished = list[str](), list[str]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        started.append(message.message_id)
        await asyncio.sleep(0.4)
        finished.append(message.message_id)

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, *(ServiceBusMessage(b"", message_id=str(number)) for number in range(sent)))
        async with hosting(app_on_queue(on_order, host_json(maxConcurrentCalls=slots), bus), settings_of(bus)):
            await until(lambda: len(started) == 2)
        first = list(finished)
        async with hosting(app_on_queue(on_order, host_json(maxConcurrentCalls=6), bus), settings_of(bus)):
            await until(lambda: len(finished) == sent)

    # then
    assert first == ["0", "1"]
    assert sorted(started) == [str(number) for number in range(sent)], "nothing was delivered twice"


async def test_a_call_that_does_not_finish_within_the_grace_is_cancelled_and_its_message_comes_again() -> None:
    # given
    counts = list[int | None]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        counts.append(message.delivery_count)
        if len(counts) == 1:
            await asyncio.sleep(60)

    # when
    async with ServiceBusEmulator(queue()) as bus:
        await send(bus, "x")
        for handled in (1, 2):
            app = app_on_queue(on_order, host_json(), bus)
            async with hosting(app, settings_of(bus), grace=timedelta(seconds=0.2)):
                await until(lambda handled=handled: len(counts) == handled)

    # then
    assert counts == [1, 2]


async def test_the_host_goes_on_when_the_namespace_comes_back(tmp_path: Path) -> None:
    # given
    started, seen = list[str](), list[str]()

    async def on_order(message: func.ServiceBusMessage) -> None:
        started.append(message.message_id)
        await asyncio.sleep(0.3)
        seen.append(message.message_id)

    config = queue(lock_duration=timedelta(seconds=1))

    # when
    async with ServiceBusEmulator(config, state=tmp_path) as bus:
        port, settings = bus.port, settings_of(bus)
        host = hosting(app_on_queue(on_order, host_json(), bus), settings)
        await host.__aenter__()
        await send(bus, ServiceBusMessage("x", message_id="in the middle"))
        await until(lambda: bool(started))
    async with ServiceBusEmulator(config, state=tmp_path, port=port) as bus:
        await send(bus, ServiceBusMessage("x", message_id="after"))
        await until(lambda: seen.count("in the middle") == 2 and "after" in seen, seconds=20)
        await host.__aexit__(None, None, None)

    # then
    assert sorted(seen) == ["after", "in the middle", "in the middle"], "what could not be completed came again"


@pytest.mark.parametrize(
    ("entity", "connection", "says"),
    [
        ("other", None, "shop: on_order <- other (16 at a time): MessagingEntityNotFoundError"),
        (
            "orders",
            "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;",
            "on_order",
        ),
        ("orders", "nonsense", "setting ServiceBus is not a Service Bus connection string"),
    ],
)
async def test_what_cannot_be_listened_to_is_said_at_the_start(
    entity: str, connection: str | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    from local.host.apps import read_app

    app = func.FunctionApp()

    @app.service_bus_queue_trigger("message", queue_name=entity, connection="ServiceBus")
    async def on_order(message: func.ServiceBusMessage) -> None: ...

    # when
    async with ServiceBusEmulator(queue()) as bus:
        settings = {"ServiceBus": connection or bus.connection_string()}
        hosted = read_app(app, "shop", host_json(maxConcurrentCalls=16), settings)
        with pytest.raises(HostError) as caught:
            async with hosting(hosted, settings):
                pass

    # then
    assert says in str(caught.value)


_APPEND = """
import os, time
import azure.functions as func

app = func.FunctionApp()

@app.service_bus_queue_trigger("message", queue_name="%QUEUE%", connection="ServiceBus")
def on_order(message: func.ServiceBusMessage) -> None:
    time.sleep(0.02)
    with open(os.environ["HANDLED"], "a", encoding="utf-8") as out:
        out.write(message.message_id + "\\n")
"""


async def test_kill_minus_9_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    # given
    folder, handled = write_app(tmp_path / "app", _APPEND), tmp_path / "handled"
    handled.touch()
    count = 60

    # when
    async with ServiceBusEmulator(queue(lock_duration=timedelta(seconds=1))) as bus:
        settings = {**settings_of(bus), "QUEUE": "orders", "HANDLED": str(handled)}
        await send(bus, *(ServiceBusMessage(b"", message_id=str(number)) for number in range(count)))
        with host_process(folder, settings) as process:
            await until(lambda: len(handled.read_text().split()) > 5, seconds=20)
            os.kill(process.pid, signal.SIGKILL)
        before = set(handled.read_text().split())
        with host_process(folder, settings) as process:
            await until(lambda: len(set(handled.read_text().split())) == count, seconds=20)

    # then
    assert 5 < len(before) < count
    assert set(handled.read_text().split()) == {str(number) for number in range(count)}


async def test_sigterm_drains_and_exits_with_0(tmp_path: Path) -> None:
    # given
    folder, handled = write_app(tmp_path / "app", _APPEND), tmp_path / "handled"
    handled.touch()

    # when
    async with ServiceBusEmulator(queue()) as bus:
        settings = {**settings_of(bus), "QUEUE": "orders", "HANDLED": str(handled)}
        with host_process(folder, settings) as process:
            lines = await ready(process)
            await send(bus, *(ServiceBusMessage(b"", message_id=str(number)) for number in range(10)))
            await until(lambda: bool(handled.read_text()))
            process.terminate()
            rest, _ = await asyncio.to_thread(process.communicate, None, 10)

    # then
    assert lines[0].partition(" ")[2].startswith("app: on_order <- orders (")
    assert process.returncode == 0
    assert rest.strip().endswith("stopped")

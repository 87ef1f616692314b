"""What the tests of the host share: apps made on the spot, a running host, a namespace, senders."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.host.apps import HostedApp, read_app
from local.host.host import Host
from local.host.host_json import HostJson
from local.servicebus.config import Config, Queue, QueueProperties, Subscription, SubscriptionProperties, Topic
from local.servicebus.server import ServiceBusEmulator

ROOT = Path(__file__).parents[3]


def host_json(*, timeout: str = "00:05:00", **service_bus: object) -> HostJson:
    return HostJson.model_validate(
        {"version": "2.0", "functionTimeout": timeout, "extensions": {"serviceBus": service_bus}}
    )


def queue(**properties: Any) -> Config:
    return Config.of(queues=(Queue(name="orders", properties=QueueProperties(**properties)),))


def topic(**properties: Any) -> Config:
    subscription = Subscription(name="worker", properties=SubscriptionProperties(**properties))
    return Config.of(topics=(Topic(name="orders", subscriptions=(subscription,)),))


def app_on_queue(handle: Callable[..., Any], limits: HostJson, bus: ServiceBusEmulator, **trigger: Any) -> HostedApp:
    app = func.FunctionApp()
    app.service_bus_queue_trigger("message", queue_name="orders", connection="ServiceBus", **trigger)(handle)
    return read_app(app, "shop", limits, settings_of(bus))


def settings_of(bus: ServiceBusEmulator) -> dict[str, str]:
    return {"ServiceBus": bus.connection_string()}


@contextlib.asynccontextmanager
async def hosting(app: HostedApp, settings: Mapping[str, str], **options: Any) -> AsyncGenerator[Host]:
    """A host that is ready; stopped, and its errors raised, at the end."""
    host, stopping, ready = Host((app,), settings, **options), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(host.run(stopping, ready))
    attached = asyncio.create_task(ready.wait())
    await asyncio.wait({running, attached}, return_when=asyncio.FIRST_COMPLETED)
    attached.cancel()
    if running.done():
        await running
    try:
        yield host
    finally:
        stopping.set()
        await running


async def send(bus: ServiceBusEmulator, *messages: ServiceBusMessage | str, to: str = "orders") -> None:
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string()) as client,
        client.get_queue_sender(to) as sender,
    ):
        await sender.send_messages(
            [message if isinstance(message, ServiceBusMessage) else ServiceBusMessage(message) for message in messages]
        )


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait for what must come; a test that waits in vain fails here with the condition's source in the traceback."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def dead_letters(bus: ServiceBusEmulator, count: int) -> list[Any]:
    async with (
        ServiceBusClient.from_connection_string(bus.connection_string()) as client,
        client.get_queue_receiver("orders", sub_queue="deadletter") as receiver,
    ):
        received = await receiver.receive_messages(max_message_count=count, max_wait_time=5)
        for message in received:
            await receiver.complete_message(message)
        return received


def write_app(folder: Path, source: str, *, host: Mapping[str, object] | None = None) -> Path:
    """A function app on disk, for what runs in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function_app.py").write_text(source, encoding="utf-8")
    (folder / "host.json").write_text(json.dumps(host or {"version": "2.0"}), encoding="utf-8")
    return folder


@contextlib.contextmanager
def host_process(folder: Path, settings: Mapping[str, str], *options: str) -> Generator[subprocess.Popen[str]]:
    """`python -m local.host` in a process of its own, ready; killed at the end if it still runs."""
    file = folder / "settings.json"
    file.write_text(json.dumps(dict(settings)), encoding="utf-8")
    command = [sys.executable, "-m", "local.host", str(folder), "--settings", str(file), *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def ready(process: subprocess.Popen[str]) -> list[str]:
    """The lines up to and with the one that says ready."""
    lines = list[str]()
    while not (lines and lines[-1].endswith("ready")):
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 20)
        assert line, f"the host ended before it was ready: {lines}"
        lines.append(line.strip())
    return lines


SECOND = timedelta(seconds=1)

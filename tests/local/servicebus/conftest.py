"""A running emulator and the official client on it, closed together at the end of a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusReceivedMessage
from azure.servicebus._pyamqp.aio import _client_async
from azure.servicebus.aio import (
    ServiceBusClient,
    ServiceBusReceiver,
    ServiceBusSender,
    _servicebus_receiver_async,
    _servicebus_sender_async,
    _session_browser_async,
)

from local.servicebus.auth import WELL_KNOWN_NAME
from local.servicebus.config import Config
from local.servicebus.server import ServiceBusEmulator


class Brisk:
    """asyncio as the SDK sees it here: its polling pauses of 50 ms and more are 5 ms, or opening a link takes 0.5 s."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(delay: float) -> None:
        await asyncio.sleep(min(delay, 0.005))


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_servicebus_sender_async, _servicebus_receiver_async, _session_browser_async, _client_async):
        monkeypatch.setattr(module, "asyncio", Brisk())


class Clients:
    """The official client under one key."""

    def __init__(self, bus: ServiceBusEmulator, key: str = WELL_KNOWN_NAME) -> None:
        self.bus = bus
        self.client = ServiceBusClient.from_connection_string(bus.connection_string(key), retry_total=0)
        self._open: list[Any] = []
        self._senders: dict[str, ServiceBusSender] = {}

    def _kept(self, handler: Any) -> Any:
        self._open.append(handler)
        return handler

    def sender(self, entity: str) -> ServiceBusSender:
        if entity not in self._senders:
            self._senders[entity] = self._kept(self.client.get_queue_sender(entity, socket_timeout=0.02))
        return self._senders[entity]

    async def receiver(self, entity: str, **options: Any) -> ServiceBusReceiver:
        """An open receiver on `queue` or `topic/subscription`."""
        options = {"socket_timeout": 0.02} | options
        topic, _, subscription = entity.partition("/")
        if subscription:
            made = self.client.get_subscription_receiver(topic, subscription, **options)
        else:
            made = self.client.get_queue_receiver(topic, **options)
        return await self._kept(made).__aenter__()

    async def send(self, entity: str, *messages: ServiceBusMessage | str) -> None:
        for message in messages:
            made = ServiceBusMessage(message) if isinstance(message, str) else message
            await self.sender(entity).send_messages(made)

    async def receive(self, entity: str, expected: int = 0, **options: Any) -> list[str]:
        """Complete what is there, or `expected` messages if those are more; the bodies."""
        receiver = await self.receiver(entity, **options)
        peeked = await receiver.peek_messages(50, sequence_number=1)
        there = sum(message.state is ServiceBusMessageState.ACTIVE for message in peeked)
        found = await drain(receiver, max(there, expected))
        for message in found:
            await receiver.complete_message(message)
        await self.close(receiver)
        return [str(message) for message in found]

    async def close(self, *handlers: Any) -> None:
        for handler in handlers or tuple(self._open):
            self._open.remove(handler)
            await handler.close()

    async def end(self) -> None:
        await asyncio.gather(*(handler.close() for handler in self._open))
        await self.client.close()


async def drain(receiver: ServiceBusReceiver, count: int = 1, wait: float = 3) -> list[ServiceBusReceivedMessage]:
    """Messages until there are `count` or none comes for `wait` seconds."""
    await receiver.__aenter__()  # an error closes it, and opening it again is not to be taken from the wait
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < count:
        more = await receiver.receive_messages(count - len(found), max_wait_time=wait)
        if not more:
            break
        found += more
    return found


Start = Callable[..., Awaitable[Clients]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(config, key=..., **emulator_options)`, as often as needed."""
    running: list[ServiceBusEmulator] = []
    opened: list[Clients] = []

    async def begin(config: Config | ServiceBusEmulator, *, key: str = WELL_KNOWN_NAME, **options: Any) -> Clients:
        if isinstance(config, Config):
            bus = await ServiceBusEmulator(config, **options).__aenter__()
            running.append(bus)
        else:
            bus = config
        opened.append(Clients(bus, key))
        return opened[-1]

    yield begin
    for clients in opened:
        await clients.end()
    for bus in running:
        await bus.__aexit__(None, None, None)

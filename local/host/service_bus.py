"""queue or subscription -> as many locked messages as there are free slots -> the function

Sources of the behaviour: ServiceBusListener and ServiceBusOptions of Microsoft.Azure.WebJobs.Extensions.ServiceBus 5.x.
maxConcurrentCalls counts per function, for each has a processor of its own; batches run one at a time, are not renewed
and settle as a whole.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
)

from local.host.deliveries import Deliveries
from local.host.errors import HostError
from local.host.host_json import ServiceBusLimits
from local.host.invoke import in_one_line
from local.host.listeners import Backoff, Signals, Slots
from local.host.locks import kept
from local.host.settings import Connection
from local.host.triggers import ServiceBusTrigger

_log = logging.getLogger(__name__)

HOPELESS = (
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
)
"""What is not waited for at start: nothing that this process does would change it."""

_TURN = 0.25
"""Seconds that one receive call waits; also the longest that a stop waits for the receiver."""
_LINGER = 0.05
"""Seconds that a batch waits for one more message."""
_SOCKET_TIMEOUT = 0.05
"""Seconds that a read of an idle connection keeps it from a settlement: the SDK's reads and writes take turns, and its
default of 0.2 costs four fifths of the throughput."""


def client_of(connection: Connection, **options: Any) -> ServiceBusClient:
    """A client for a binding's connection; identities are those of `DefaultAzureCredential`, such as `az login`'s.

    It retries once: listeners try again by themselves, and a namespace that is not there is to be said soon.

    Raises:
        HostError: for a connection string that the SDK does not understand.
    """
    options = {"retry_total": 1, **options}
    if connection.connection_string is None:
        from azure.identity.aio import DefaultAzureCredential

        return ServiceBusClient(str(connection.address), DefaultAzureCredential(), **options)
    try:
        return ServiceBusClient.from_connection_string(connection.connection_string, **options)
    except ValueError as error:
        raise HostError(f"setting {connection.name} is not a Service Bus connection string: {error}") from None


def receiver_of(client: ServiceBusClient, trigger: ServiceBusTrigger, **options: Any) -> ServiceBusReceiver:
    """A peek-lock receiver for the trigger's queue or subscription; not opened yet."""
    options = {"socket_timeout": _SOCKET_TIMEOUT, **options}
    if trigger.queue_name:
        return client.get_queue_receiver(trigger.queue_name, **options)
    return client.get_subscription_receiver(str(trigger.topic_name), str(trigger.subscription_name), **options)


class ServiceBusListener:
    """Keeps a function's slots filled from an entity without sessions."""

    def __init__(
        self, trigger: ServiceBusTrigger, connection: Connection, limits: ServiceBusLimits, deliveries: Deliveries
    ) -> None:
        self._trigger, self._connection, self._limits, self._deliveries = trigger, connection, limits, deliveries
        self._slots = 1 if trigger.cardinality == "many" else limits.max_concurrent_calls

    def __str__(self) -> str:
        batch = self._trigger.cardinality == "many"
        how = f"batches of up to {self._limits.max_message_batch_size}" if batch else f"{self._slots} at a time"
        return f"{self._deliveries.function} <- {self._trigger.path} ({how})"

    async def listen(self, signals: Signals) -> None:
        """See `Listener`. A receiver that breaks is replaced, for as long as it takes."""
        backoff = Backoff()
        async with client_of(self._connection) as client, Slots(self._slots) as slots:
            while not signals.stopping.is_set():
                try:
                    async with receiver_of(
                        client, self._trigger, prefetch_count=self._limits.prefetch_count
                    ) as receiver:
                        signals.ready.set()
                        await self._receive(receiver, slots, signals, backoff)
                except Exception as error:  # noqa: BLE001 - a broken connection is not always a ServiceBusError
                    if not signals.ready.is_set() and isinstance(error, HOPELESS):
                        raise HostError(f"{self}: {in_one_line(error)}") from None
                    _log.warning("%s: %s; trying again", self, in_one_line(error))
                    await signals.pause(backoff.next())

    async def _receive(self, receiver: ServiceBusReceiver, slots: Slots, signals: Signals, backoff: Backoff) -> None:
        """Fill the slots until the host stops, then let them empty, or empty them: only an open receiver can settle."""
        take = self._take_many if self._trigger.cardinality == "many" else self._take_one
        try:
            while not signals.stopping.is_set():
                await slots.take()
                work = None
                try:
                    if not signals.stopping.is_set():
                        work = await take(receiver)
                finally:
                    if work is None:
                        slots.give_back()
                if work is not None:
                    slots.run(work)
                    backoff.reset()
            await slots.drained()
        except asyncio.CancelledError:
            await slots.cancel()
            raise

    async def _take_one(self, receiver: ServiceBusReceiver) -> Coroutine[Any, Any, None] | None:
        """One message a call: asked for more, the SDK waits a while for them before it returns the first."""
        received = await receiver.receive_messages(max_message_count=1, max_wait_time=_TURN)
        return self._handle(receiver, received[0]) if received else None

    async def _handle(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        lock = kept(
            lambda: message.locked_until_utc,
            lambda: receiver.renew_message_lock(message),
            self._limits.max_auto_lock_renewal_duration,
            what=f"{self._deliveries.function}, message {message.message_id}",
        )
        await self._deliveries.one(receiver, message, lock)

    async def _take_many(self, receiver: ServiceBusReceiver) -> Coroutine[Any, Any, None] | None:
        batch = await receive_batch(receiver, self._limits.max_message_batch_size, _TURN)
        return self._deliveries.many(receiver, batch) if batch else None


async def receive_batch(receiver: ServiceBusReceiver, most: int, wait: float) -> Sequence[ServiceBusReceivedMessage]:
    """Up to `most` messages: wait `wait` seconds for the first, then take what is there.

    One at a time, because credit for many outlives the call: messages that come later are locked for nobody.
    """
    batch = await receiver.receive_messages(max_message_count=1, max_wait_time=wait)
    while batch and len(batch) < most:
        more = await receiver.receive_messages(max_message_count=1, max_wait_time=_LINGER)
        if not more:
            break
        batch += more
    return batch

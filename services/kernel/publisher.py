"""outgoing messages -> topics: what is waiting goes together, one batch after another.

A sender of azure-servicebus is not made for concurrent use, and one message at a time is several times slower than a
batch. So each topic has one sender and one line of waiting messages; who sends waits until the broker has acknowledged
the batch that carries its messages. A caller that is cancelled leaves the line in order.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from services.entities import DEAD_LETTERS


@dataclass(frozen=True)
class _Parcel:
    messages: Sequence[ServiceBusMessage]
    sent: "asyncio.Future[None]"


@dataclass
class _Line:
    waiting: list[_Parcel] = field(default_factory=list["_Parcel"])
    worker: "asyncio.Task[None] | None" = None


class Publisher:
    """Sends to topics and to the queue `dead-letters`."""

    def __init__(self, client: ServiceBusClient) -> None:
        self._client = client
        self._senders: dict[str, ServiceBusSender] = {}
        self._lines: dict[str, _Line] = {}

    async def send(self, entity: str, messages: Sequence[ServiceBusMessage]) -> None:
        """Return when the broker has all of these messages.

        Raises:
            azure.servicebus.exceptions.ServiceBusError: if it has not; some may have arrived nevertheless.
        """
        line = self._lines.setdefault(entity, _Line())
        parcel = _Parcel(messages, asyncio.get_running_loop().create_future())
        line.waiting.append(parcel)
        if line.worker is None or line.worker.done():
            line.worker = asyncio.create_task(self._work(entity, line))
        await parcel.sent

    async def close(self) -> None:
        for line in self._lines.values():
            if line.worker:
                await line.worker
        for sender in self._senders.values():
            await sender.close()
        self._senders.clear()

    async def _work(self, entity: str, line: _Line) -> None:
        while line.waiting:
            parcels, line.waiting = line.waiting, []
            await self._settle(entity, parcels)

    async def _settle(self, entity: str, parcels: list[_Parcel]) -> None:
        try:
            await self._send(entity, parcels)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, and they get it
            _tell(parcels, error)
        else:
            _tell(parcels)

    async def _send(self, entity: str, parcels: list[_Parcel]) -> None:
        sender = self._sender(entity)
        batch = await sender.create_message_batch()
        for parcel in parcels:
            for message in parcel.messages:
                too_large = _add(batch, message)
                if too_large and len(batch):
                    await sender.send_messages(batch)
                    batch = await sender.create_message_batch()
                    too_large = _add(batch, message)
                if too_large:  # by itself: the other parcels shall not suffer
                    _tell([parcel], too_large)
                    break
        if len(batch):
            await sender.send_messages(batch)

    def _sender(self, entity: str) -> ServiceBusSender:
        if entity not in self._senders:
            self._senders[entity] = (
                self._client.get_queue_sender(entity)
                if entity == DEAD_LETTERS.name
                else self._client.get_topic_sender(entity)
            )
        return self._senders[entity]


def _add(batch: ServiceBusMessageBatch, message: ServiceBusMessage) -> MessageSizeExceededError | None:
    """Put a message into a batch, or return why it does not fit."""
    try:
        batch.add_message(message)
    except MessageSizeExceededError as error:
        return error
    return None


def _tell(parcels: Sequence[_Parcel], error: Exception | None = None) -> None:
    for parcel in parcels:
        if parcel.sent.done():  # whoever waited was cancelled
            continue
        if error:
            parcel.sent.set_exception(error)
        else:
            parcel.sent.set_result(None)

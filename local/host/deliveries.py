"""locked messages -> the function -> completed, or abandoned so that the broker delivers them again"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError, SessionLockLostError

from local.host import messages
from local.host.apps import HostedFunction
from local.host.invoke import Invoker, TraceContext, in_one_line

_log = logging.getLogger(__name__)
Lock = AbstractAsyncContextManager[None]
_Settle = Callable[[ServiceBusReceivedMessage], Awaitable[None]]


@dataclass(frozen=True)
class Deliveries:
    """Brings messages to one function and settles them by what comes of it.

    With `auto_complete` off nothing is done after success, and nothing can be from Python without the beta extension:
    the locks expire. After an exception the message is abandoned either way, as .NET's processor does.
    """

    function: HostedFunction
    invoke: Invoker
    auto_complete: bool

    async def one(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, lock: Lock) -> None:
        """Deliver one message, keeping its lock while the function runs. Failures are logged, never raised."""
        trace = TraceContext.of(messages.application_properties(message))
        await self._deliver(receiver, [message], lambda: messages.one(message), trace, lock)

    async def many(self, receiver: ServiceBusReceiver, batch: Sequence[ServiceBusReceivedMessage]) -> None:
        """Deliver a batch in one call: it succeeds or fails as a whole, and its locks are not renewed."""
        await self._deliver(receiver, batch, lambda: messages.many(batch), TraceContext(), nullcontext())

    async def _deliver(
        self,
        receiver: ServiceBusReceiver,
        batch: Sequence[ServiceBusReceivedMessage],
        argument: Callable[[], object],
        trace: TraceContext,
        lock: Lock,
    ) -> None:
        try:
            async with lock:
                await self.invoke(self.function, argument(), trace)
        except asyncio.CancelledError:
            await asyncio.shield(self._settle("abandoned", receiver.abandon_message, batch))
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            _log.warning("%s failed on %s: %s", self.function, _named(batch), in_one_line(error))
            _log.debug("%s failed", self.function, exc_info=True)
            await self._settle("abandoned", receiver.abandon_message, batch)
        else:
            if self.auto_complete:
                await self._settle("completed", receiver.complete_message, batch)

    async def _settle(self, verb: str, settle: _Settle, batch: Sequence[ServiceBusReceivedMessage]) -> None:
        for message in batch:
            try:
                await settle(message)
            except (MessageLockLostError, SessionLockLostError):
                _log.warning("%s: the lock on %s was lost, so it comes again", self.function, _named([message]))
            except Exception as error:  # noqa: BLE001 - a broken connection is not always a ServiceBusError
                _log.warning("%s: %s could not be %s: %s", self.function, _named([message]), verb, in_one_line(error))


def _named(batch: Sequence[ServiceBusReceivedMessage]) -> str:
    first = batch[0]
    if len(batch) > 1:
        return f"a batch of {len(batch)}, the first {first.message_id}"
    return f"message {first.message_id}, delivery {(first.delivery_count or 0) + 1}"

"""queue or subscription with sessions -> the next available session -> its messages, strictly one after another

Nothing is prefetched, whatever host.json says: the SDK would not give back what it holds when a session is closed. A
session is given back when it has been idle for sessionIdleTimeout, or held for maxAutoLockRenewalDuration: the
renewal spans the session, not each message (Azure/azure-sdk-for-net#35267).
"""

import asyncio
import logging
import time
from contextlib import nullcontext

from azure.servicebus import NEXT_AVAILABLE_SESSION
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, SessionCannotBeLockedError, SessionLockLostError

from local.host.deliveries import Deliveries
from local.host.errors import HostError
from local.host.host_json import ServiceBusLimits
from local.host.invoke import in_one_line
from local.host.listeners import Backoff, Signals, Slots
from local.host.locks import kept
from local.host.service_bus import HOPELESS, client_of, receive_batch, receiver_of
from local.host.settings import Connection
from local.host.triggers import ServiceBusTrigger

_log = logging.getLogger(__name__)
_ACCEPT = 30.0
"""Seconds that the broker is asked to look for a session."""
_SETTLED_IN = 0.5
"""Seconds after which an accept that has not been refused is taken for waiting: the listener is ready, and from then on
the accept may be cancelled (in the middle of the handshake the SDK would leave the socket open)."""
_ACCEPTED_AT_ONCE = 4
"""How many sessions are asked for at the same time: the extension's session processor asks for twice as many as there
are processors (ServiceBusSessionProcessor, MaxConcurrentAcceptSessions)."""
_TURN = 0.25


class SessionListener:
    """Serves up to maxConcurrentSessions sessions side by side (one, for batches)."""

    def __init__(
        self, trigger: ServiceBusTrigger, connection: Connection, limits: ServiceBusLimits, deliveries: Deliveries
    ) -> None:
        self._trigger, self._connection, self._limits, self._deliveries = trigger, connection, limits, deliveries
        self._slots = 1 if trigger.cardinality == "many" else limits.max_concurrent_sessions
        self._batch = limits.max_message_batch_size if trigger.cardinality == "many" else 1

    def __str__(self) -> str:
        return f"{self._deliveries.function} <- {self._trigger.path} ({self._slots} sessions at a time)"

    async def listen(self, signals: Signals) -> None:
        """See `Listener`. A few sessions are accepted at a time, each is then served in a slot of its own.

        The slot is free before the receiver has closed, for the SDK may take a second over that.
        """
        async with client_of(self._connection, retry_total=0) as client, Slots(self._slots) as slots:
            several = range(min(self._slots, _ACCEPTED_AT_ONCE))
            accepting = [asyncio.create_task(self._accept_all(client, slots, signals)) for _ in several]
            try:
                await asyncio.gather(*accepting)
            finally:
                for task in accepting:
                    task.cancel()
                await asyncio.gather(*accepting, return_exceptions=True)
            await slots.drained()

    async def _accept_all(self, client: ServiceBusClient, slots: Slots, signals: Signals) -> None:
        """Accept one session after another."""
        backoff = Backoff()
        while not signals.stopping.is_set():
            await slots.take()
            receiver = None
            try:
                receiver = await self._accept(client, signals)
            except Exception as error:  # noqa: BLE001 - a broken connection is not always a ServiceBusError
                if not signals.ready.is_set() and isinstance(error, HOPELESS):
                    raise HostError(f"{self}: {in_one_line(error)}") from None
                _log.warning("%s: %s; trying again", self, in_one_line(error))
                await signals.pause(backoff.next())
            if receiver is None:
                slots.give_back()
            else:
                slots.run(self._serve(receiver, signals), then=receiver.close)
                backoff.reset()

    async def _accept(self, client: ServiceBusClient, signals: Signals) -> ServiceBusReceiver | None:
        """Open the next available session; None when there was none, or the host stops."""
        receiver = receiver_of(
            client, self._trigger, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=_ACCEPT, prefetch_count=0
        )
        opening = asyncio.create_task(receiver.__aenter__())
        stopping = asyncio.create_task(signals.stopping.wait())
        try:
            await asyncio.wait({opening}, timeout=_SETTLED_IN)
            if not opening.done():
                signals.ready.set()
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                accepted = await opening
                signals.ready.set()
                return accepted
        except (OperationTimeoutError, SessionCannotBeLockedError):
            signals.ready.set()
        finally:
            stopping.cancel()
            if not opening.done():
                opening.cancel()
                await asyncio.wait({opening})
        return None

    async def _serve(self, receiver: ServiceBusReceiver, signals: Signals) -> None:
        session = receiver.session
        try:
            async with kept(
                lambda: session.locked_until_utc,
                session.renew_lock,
                self._limits.max_auto_lock_renewal_duration,
                what=f"{self._deliveries.function}, session {session.session_id}",
            ):
                await self._serve_messages(receiver, signals)
        except SessionLockLostError:
            _log.warning("%s: the lock on session %s was lost", self._deliveries.function, session.session_id)
        except Exception as error:  # noqa: BLE001 - a broken connection is not always a ServiceBusError
            _log.warning("%s, session %s: %s", self._deliveries.function, session.session_id, in_one_line(error))

    async def _serve_messages(self, receiver: ServiceBusReceiver, signals: Signals) -> None:
        idle = self._limits.session_idle_timeout.total_seconds()
        held = self._limits.max_auto_lock_renewal_duration.total_seconds() or float("inf")
        give_back, idle_until = time.monotonic() + held, time.monotonic() + idle
        while not signals.stopping.is_set() and (left := min(idle_until, give_back) - time.monotonic()) > 0:
            batch = await receive_batch(receiver, self._batch, min(left, _TURN))
            if not batch:
                continue
            if self._trigger.cardinality == "many":
                await self._deliveries.many(receiver, batch)
            else:
                await self._deliveries.one(receiver, batch[0], nullcontext())
            idle_until = time.monotonic() + idle

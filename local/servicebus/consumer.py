"""node -> credit -> locked delivery -> outcome -> settled, or lock lost; a session's link holds the session's lock"""

import asyncio
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from local.servicebus import codec
from local.servicebus.auth import Right
from local.servicebus.broker import clock
from local.servicebus.delivery import as_received
from local.servicebus.entities import Node, QueueEntity
from local.servicebus.links import RefusedError, SendingLink
from local.servicebus.performatives import AmqpError, Attach, text
from local.servicebus.queues import Entry, LockLostError
from local.servicebus.sessions import SessionLockedError

if TYPE_CHECKING:
    from local.servicebus.session import Session

SESSION_FILTER: Final = b"com.microsoft:session-filter"
SESSION_TIMEOUT: Final = b"com.microsoft:timeout"
SETTLED: Final = 1  # snd-settle-mode: deliveries are settled as they are sent
ACCEPT_TIMEOUT: Final = 60_000  # how long Azure lets a receiver wait for a session, milliseconds
EPOCH_TICKS: Final = 621_355_968_000_000_000  # 1970 in .NET's 100 ns since year 1


class ConsumerLink(SendingLink):
    """A client's receiver on a queue, a subscription or a sub-queue."""

    def __init__(self, session: "Session", frame: Attach, entity: QueueEntity, node: Node) -> None:
        super().__init__(session, frame)
        self.session_id: str | None = None
        self.takes = frame.send_settle_mode == SETTLED
        self._node = node
        self._tokens: dict[int, UUID] = {}
        self._timeout: asyncio.TimerHandle | None = None
        self._is_dead_letters = node is not entity.main
        if wrong := self.connection.refusal(Right.LISTEN, entity.path):
            raise RefusedError("amqp:unauthorized-access", wrong)
        if node.forward_to:
            wrong = f"'{node.path}' forwards to '{node.forward_to}': receive there"
            raise RefusedError("amqp:not-allowed", wrong)

    # Attaching

    def attach(self) -> None:
        filters: dict[bytes, Any] = (self.frame.source[7] if len(self.frame.source) > 7 else None) or {}  # noqa: PLR2004
        if (SESSION_FILTER in filters) is not (self._node.sessions is not None):
            needs = "needs" if self._node.sessions else "does not have"
            self.refuse(AmqpError("amqp:not-allowed", f"'{self._node.path}' {needs} sessions"))
        elif self._node.sessions is None:
            self._answer()
            self._node.consumers.append(self)
        elif (wanted := text(filters[SESSION_FILTER])) is not None:
            try:
                self.offer(wanted, self._node.sessions.accept(wanted, self, clock()))
            except SessionLockedError as wrong:
                self.refuse(AmqpError("com.microsoft:session-cannot-be-locked", str(wrong)))
        else:
            self._await_session()

    def _await_session(self) -> None:
        properties: dict[bytes, Any] = self.frame.properties or {}
        wait: int = properties.get(SESSION_TIMEOUT) or ACCEPT_TIMEOUT
        self._timeout = asyncio.get_running_loop().call_later(wait / 1000, self._no_session, wait)
        self._node.waiters.append(self)
        self.connection.broker.stir(self._node)

    def offer(self, session: str, until: int) -> None:
        """The session is ours: tell the client which it got and until when."""
        self._stop_waiting()
        self.session_id = session
        self._answer(session, {"com.microsoft:locked-until-utc": codec.long(until * 10_000 + EPOCH_TICKS)})
        self._node.consumers.append(self)

    def _no_session(self, waited: int) -> None:
        self._stop_waiting()
        self.refuse(
            AmqpError("com.microsoft:timeout", f"no session of '{self._node.path}' had messages for {waited} ms")
        )
        self.connection.broker.settle_soon()

    def _stop_waiting(self) -> None:
        if self._timeout:
            self._timeout.cancel()
        if self in self._node.waiters:
            self._node.waiters.remove(self)

    # Delivering

    def on_credit(self) -> None:
        self.connection.broker.pump(self._node, clock())

    def deliver(self, entry: Entry) -> None:
        if entry.lock is None:
            self.transfer(uuid4().bytes_le, as_received(entry), settled=True)
            return
        payload = as_received(entry, self._locked_until(entry))
        delivery_id = self.transfer(entry.lock.token.bytes_le, payload, settled=False)
        self._tokens[delivery_id] = entry.lock.token
        self.session.unsettled[delivery_id] = self

    def _locked_until(self, entry: Entry) -> int | None:
        if self._node.sessions and self.session_id is not None:
            return self._node.sessions.lock(self.session_id).until
        return entry.lock.until if entry.lock else None

    def on_outcome(self, delivery_id: int, state: Any) -> Any:
        """Settle a delivery; the outcome to answer with, None if the state is no outcome yet."""
        if isinstance(state, dict) and "received" in state:
            return None
        token = self._tokens.pop(delivery_id)
        self.connection.broker.stir(self._node)
        try:
            return self._settle(token, state)
        except LockLostError as wrong:
            lost = "session" if self._node.sessions else "message"
            return codec.rejected(AmqpError(f"com.microsoft:{lost}-lock-lost", str(wrong)))

    def _settle(self, token: UUID, state: Any) -> Any:
        queue, now = self._node.queue, clock()
        match state:
            case {"accepted": _}:
                queue.complete(token)
                return codec.ACCEPTED
            case {"modified": [_, True, *_]}:
                queue.defer(token, now)
                return codec.modified(undeliverable_here=True)
            case {"modified": _}:
                queue.abandon(token, now)
                return codec.modified(undeliverable_here=False)
            case {"rejected": _} if self._is_dead_letters:
                queue.abandon(token, now)
                return codec.rejected(AmqpError("amqp:not-allowed", f"'{self._node.path}' has no dead-letter queue"))
            case {"rejected": error}:
                queue.dead_letter(token, *_reason(error))
                return codec.REJECTED
            case _:
                queue.release(token, now)
                return codec.RELEASED

    # Ending

    def session_lost(self) -> None:
        self._leave()
        wrong = f"the lock on session '{self.session_id}' of '{self._node.path}' expired"
        self.detach(AmqpError("com.microsoft:session-lock-lost", wrong))

    def on_detach(self) -> None:
        self._end(counted=False)

    def vanish(self) -> None:
        """Counted as an expired lock: a message that kills its receiver must reach its delivery limit."""
        self._end(counted=True)

    def _end(self, *, counted: bool) -> None:
        self._stop_waiting()
        sessions = self._node.sessions
        if self in self._node.consumers and sessions and self.session_id is not None:
            sessions.close(self.session_id)
            self._node.queue.release_session(self.session_id, clock(), counted=counted)
        self._leave()
        self.connection.broker.stir(self._node)

    def _leave(self) -> None:
        if self in self._node.consumers:
            self._node.consumers.remove(self)


def _reason(error: Any) -> tuple[str | None, str | None]:
    """Reason and description out of a rejected outcome, whose error is condition, description, info."""
    fields: list[Any] = error[0] if error and error[0] else []
    info: dict[bytes, Any] = fields[2] if len(fields) > 2 and fields[2] else {}  # noqa: PLR2004
    return text(info.get(b"DeadLetterReason")), text(info.get(b"DeadLetterErrorDescription"))

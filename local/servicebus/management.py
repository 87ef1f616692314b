"""$management request -> right checked -> operation -> status and body

Every operation that azure-servicebus sends to an entity's management node; names, keys and spelling ("defered") are
those of https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID, uuid4

from local.servicebus.addresses import SubQueue
from local.servicebus.auth import Right
from local.servicebus.broker import Broker, clock
from local.servicebus.codec import CodecError, array, long, symbol, timestamp
from local.servicebus.delivery import as_received
from local.servicebus.entities import Entity, Node, QueueEntity
from local.servicebus.message import parse
from local.servicebus.performatives import text
from local.servicebus.queues import LockLostError, MessageNotFoundError, State
from local.servicebus.requests import Answer, Handler
from local.servicebus.sessions import SessionLockLostError, Sessions

if TYPE_CHECKING:
    from local.servicebus.connection import Connection

OK: Final = 200
NO_CONTENT: Final = 204
PEEK_LOCK: Final = 1  # receiver-settle-mode; 0 is receive-and-delete
SESSIONS_WITH_MESSAGES: Final = 253_402_300_799_000  # .NET's DateTime.MaxValue: not by the time of their state
PREFIX: Final = "com.microsoft:"


class OperationError(Exception):
    """A request that is answered with this status, condition and sentence."""

    def __init__(self, status: int, condition: str, description: str) -> None:
        super().__init__(description)
        self.status, self.condition, self.description = status, condition, description


def manager(entity: Entity, sub_queue: SubQueue) -> Handler:
    """The handler of an entity's management node."""
    node = entity.node(sub_queue) if isinstance(entity, QueueEntity) else entity.main

    def handle(connection: "Connection", properties: dict[str, Any], value: Any) -> Answer:
        name = (text(properties.get("operation")) or "").removeprefix(PREFIX)
        body = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        try:
            answer = _perform(name, Request(connection, entity, node, body))
        except OperationError as wrong:
            return _failure(wrong)
        except LockLostError as wrong:
            return _failure(OperationError(410, f"{PREFIX}message-lock-lost", str(wrong)))
        except SessionLockLostError as wrong:
            return _failure(OperationError(410, f"{PREFIX}session-lock-lost", str(wrong)))
        except MessageNotFoundError as wrong:
            return _failure(OperationError(404, f"{PREFIX}message-not-found", str(wrong)))
        except (CodecError, UnicodeDecodeError) as wrong:
            return _failure(OperationError(400, f"{PREFIX}argument-error", str(wrong)))
        return {"statusCode": NO_CONTENT if answer is None else OK, "statusDescription": "OK"}, answer

    return handle


def _perform(name: str, request: "Request") -> Any:
    """Rights are checked here and not at the attach: the SDK attaches before its token is there."""
    if name not in _OPERATIONS:
        known = ", ".join(_OPERATIONS)
        raise OperationError(501, "amqp:not-implemented", f"'{name}' is not one of {known}")
    right, operation = _OPERATIONS[name]
    if wrong := request.connection.refusal(right, request.entity.path):
        raise OperationError(401, "amqp:unauthorized-access", wrong)
    request.broker.stir(request.node)
    return operation(request)


def _failure(wrong: OperationError) -> Answer:
    condition = symbol(wrong.condition)
    return {
        "statusCode": wrong.status,
        "statusDescription": wrong.description,
        "errorCondition": condition,
    }, None


@dataclass(frozen=True)
class Request:
    connection: "Connection"
    entity: Entity
    node: Node
    body: dict[str, Any]

    @property
    def broker(self) -> Broker:
        return self.connection.broker

    @property
    def is_main(self) -> bool:
        return self.node is self.entity.main

    def need(self, key: str, *kinds: type[Any]) -> Any:
        """A value of the body.

        Raises:
            OperationError: missing, or of another type.
        """
        value = self.body.get(key)
        if not isinstance(value, kinds) or isinstance(value, bool):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise OperationError(400, f"{PREFIX}argument-error", f"'{key}' must be {names}, not {value!r:.80}")
        return value

    def text(self, key: str) -> str | None:
        return text(self.body.get(key))

    def list(self, key: str, kind: type[Any]) -> list[Any]:
        values: list[Any] = self.need(key, list)
        if not all(isinstance(value, kind) for value in values):
            raise OperationError(400, f"{PREFIX}argument-error", f"'{key}' must be a list of {kind.__name__}")
        return values

    def sessions(self) -> Sessions:
        if self.node.sessions is None:
            raise OperationError(400, "amqp:not-allowed", f"'{self.node.path}' has no sessions")
        return self.node.sessions

    def session(self) -> str:
        """The session this connection holds.

        Raises:
            SessionLockLostError: it does not.
        """
        name = self.need("session-id", bytes).decode()
        owner = self.sessions().lock(name).owner
        if getattr(owner, "connection", None) is not self.connection:
            raise SessionLockLostError(f"session '{name}' is locked by another connection")
        return name


# Locks


def renew_lock(request: Request) -> Any:
    now = clock()
    renewed = [request.node.queue.renew(token, now) for token in request.list("lock-tokens", UUID)]
    return {"expirations": array([timestamp(until) for until in renewed])}


def update_disposition(request: Request) -> Any:
    """Settle by token; the SDK's way for deferred messages and whenever its link is gone."""
    queue, now = request.node.queue, clock()
    reason, why = request.text("deadletter-reason"), request.text("deadletter-description")
    status = request.need("disposition-status", bytes).decode()
    settlements: dict[str, Callable[[UUID], None]] = {
        "completed": queue.complete,
        "abandoned": lambda token: queue.abandon(token, now),
        "defered": lambda token: queue.defer(token, now),
        "suspended": lambda token: queue.dead_letter(token, reason, why),
    }
    settle = settlements.get(status)
    if settle is None or (status == "suspended" and not request.is_main):
        raise OperationError(400, "amqp:not-allowed", f"'{request.node.path}' cannot settle a message as '{status}'")
    tokens = request.list("lock-tokens", UUID)
    for token in tokens:
        queue.locked(token)  # all of them or none
    for token in tokens:
        settle(token)
    return {}


# Messages


def schedule_message(request: Request) -> Any:
    raw: list[dict[str, Any]] = request.list("messages", dict)
    messages = [parse(item["message"]) for item in raw if isinstance(item.get("message"), bytes)]
    for message in messages:
        if wrong := request.broker.problem(request.entity, message):
            raise OperationError(400, wrong.condition, wrong.description)
    now = clock()
    return {"sequence-numbers": array([long(request.broker.send(request.entity, m, now)) for m in messages])}


def cancel_scheduled_message(request: Request) -> Any:
    request.node.queue.remove(request.list("sequence-numbers", int), State.SCHEDULED)
    return {}


def peek_message(request: Request) -> Any:
    start, count = request.need("from-sequence-number", int), request.need("message-count", int)
    found = request.node.queue.peek(start, count, request.text("session-id"))
    return {"messages": [{"message": as_received(entry)} for entry in found]} if found else None


def receive_by_sequence_number(request: Request) -> Any:
    queue, numbers = request.node.queue, request.list("sequence-numbers", int)
    if request.need("receiver-settle-mode", int) != PEEK_LOCK:
        return {"messages": [{"message": as_received(entry)} for entry in queue.remove(numbers, State.DEFERRED)]}
    session_until = request.sessions().lock(request.session()).until if request.node.sessions else None
    messages: list[dict[str, Any]] = []
    for entry in queue.lock_deferred(numbers, [uuid4() for _ in numbers], clock()):
        if entry.lock:
            message = as_received(entry, entry.lock.until or session_until)
            messages.append({"message": message, "lock-token": entry.lock.token})
    return {"messages": messages}


# Sessions


def renew_session_lock(request: Request) -> Any:
    return {"expiration": timestamp(request.sessions().renew(request.session(), clock()))}


def get_session_state(request: Request) -> Any:
    state = request.sessions().states.get(request.session())
    return {"session-state": state.data if state else None}


def set_session_state(request: Request) -> Any:
    data = request.body.get("session-state")
    request.sessions().set_state(request.session(), None if data is None else bytes(data), clock())
    return {}


def get_message_sessions(request: Request) -> Any:
    """Sessions with messages or, for an earlier time, those whose state was set after it."""
    since, skip, top = request.need("last-updated-time", int), request.need("skip", int), request.need("top", int)
    sessions = request.sessions()
    if since >= SESSIONS_WITH_MESSAGES:
        found = sorted({entry.lane for entry in request.node.queue.entries.values() if entry.lane is not None})
    else:
        found = sorted(name for name, state in sessions.states.items() if state.updated > since)
    page = found[skip : skip + top]
    return {"skip": skip + len(page), "sessions-ids": array(page)} if page else None


_OPERATIONS: Final[dict[str, tuple[Right, Callable[[Request], Any]]]] = {
    "renew-lock": (Right.LISTEN, renew_lock),
    "update-disposition": (Right.LISTEN, update_disposition),
    "schedule-message": (Right.SEND, schedule_message),
    "cancel-scheduled-message": (Right.SEND, cancel_scheduled_message),
    "peek-message": (Right.LISTEN, peek_message),
    "receive-by-sequence-number": (Right.LISTEN, receive_by_sequence_number),
    "renew-session-lock": (Right.LISTEN, renew_session_lock),
    "get-session-state": (Right.LISTEN, get_session_state),
    "set-session-state": (Right.LISTEN, set_session_state),
    "get-message-sessions": (Right.LISTEN, get_message_sessions),
}

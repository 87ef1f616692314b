"""send -> duplicate? scheduled? -> fan-out -> queue -> consumer; dead letters and forwards on the way; then commit

One broker per namespace. Every operation changes memory and stirs the nodes it touched; once per loop tick `settle`
moves messages to whoever can take them, commits to disk, and only then lets the connections write: nothing is
acknowledged that a kill could take back.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol
from uuid import uuid4

from local.servicebus.codec import long
from local.servicebus.entities import Entity, Node, QueueEntity, SubscriptionEntity
from local.servicebus.message import DEAD_LETTER_SOURCE, ENQUEUE_SEQUENCE, SCHEDULED, Message
from local.servicebus.performatives import AmqpError
from local.servicebus.queues import Entry, State, shorter
from local.servicebus.store import Store, StoreError

log: Final = logging.getLogger(__name__)

MAX_HOPS: Final = 4  # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-auto-forwarding
ID_LENGTH: Final = 128


def clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Peer(Protocol):
    """A connection as the broker sees it."""

    def write(self) -> None: ...

    def close(self, wrong: AmqpError | None = None) -> None: ...

    def abort(self) -> None: ...


@dataclass
class Broker:
    entities: dict[str, Entity]
    store: Store
    max_message_size: int = 262_144
    peers: list[Peer] = field(default_factory=list[Peer])
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    _stirred: dict[str, Node] = field(default_factory=dict[str, Node])
    _owners: dict[str, Entity] = field(init=False)
    _settling: asyncio.Handle | None = None
    _timer: asyncio.TimerHandle | None = None
    _stopped: bool = False

    def __post_init__(self) -> None:
        self._owners = {node.path: entity for entity in self.entities.values() for node in entity.nodes}
        self.store.load(self.entities.values())

    def start(self) -> None:
        """What the disk held is available from here on."""
        for entity in self.entities.values():
            for node in entity.nodes:
                self.stir(node)

    def stop(self) -> None:
        """Close every connection and the disk."""
        if not self._stopped:
            for peer in self.peers:
                peer.close(AmqpError("amqp:connection:forced", "the emulator is shutting down"))
            self.settle()
        self._stopped = True
        for handle in (self._timer, self._settling):
            if handle:
                handle.cancel()
        self.store.close()

    # Coming in

    def problem(self, entity: Entity, message: Message) -> AmqpError | None:
        """Why this entity cannot take this message, as Azure would refuse it."""
        for name, value in (("MessageId", message.message_id), ("SessionId", message.session_id)):
            if value is not None and len(value) > ID_LENGTH:
                wrong = f"{name} has {len(value)} characters; at most {ID_LENGTH} are allowed"
                return AmqpError("com.microsoft:argument-error", wrong)
        if isinstance(entity, QueueEntity) and entity.main.sessions and not message.session_id:
            wrong = f"The SessionId was not set on a message: '{entity.path}' needs sessions and cannot take it"
            return AmqpError("amqp:not-allowed", wrong)
        return None

    def send(self, entity: Entity, message: Message, now: int, hops: int = 0) -> int:
        """Take a message in; its sequence number at this entity."""
        if entity.history and message.message_id and entity.history.seen(message.message_id, now):
            self.stir(entity.main)
            return entity.sequence.next()
        due = message.annotation(SCHEDULED)
        if isinstance(due, datetime) and (at := round(due.timestamp() * 1000)) > now:
            self.stir(entity.main)
            return entity.main.queue.schedule(message, at, now).seq
        return self._arrive(entity, message, now, hops)

    def _arrive(self, entity: Entity, message: Message, now: int, hops: int = 0) -> int:
        self.stir(entity.main)
        if isinstance(entity, QueueEntity):
            return entity.main.queue.enqueue(message, now, hops).seq
        number = entity.sequence.next()
        copy = message.annotated(**{ENQUEUE_SEQUENCE: long(number)})
        copy = replace(copy, ttl=shorter(message.ttl, entity.ttl))
        for subscription in entity.subscriptions:
            for taken in subscription.copies(copy):
                self._copy_to(subscription, taken, now, hops)
        return number

    def _copy_to(self, subscription: SubscriptionEntity, message: Message, now: int, hops: int) -> None:
        self.stir(subscription.main)
        if subscription.main.sessions and not message.session_id:
            entry = Entry(subscription.sequence.next(), message, now)
            why = "Session enabled entity doesn't allow a message whose session identifier is null."
            self._bury(subscription.dead, entry, "Session ID is null", why)
        else:
            subscription.main.queue.enqueue(message, now, hops)

    # Going around

    def stir(self, node: Node) -> None:
        """Something changed here: settle before the loop turns."""
        self._stirred[node.path] = node
        self.settle_soon()

    def settle_soon(self) -> None:
        """There is something to move, to keep or to write."""
        if self._settling is None and not self._stopped:
            self._settling = asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Move, commit, and only then let the connections write."""
        now = clock()
        touched: dict[str, Node] = {}
        try:
            while self._stirred:
                path, node = self._stirred.popitem()
                touched[path] = node
                self.pump(node, now)
            self.store.commit(self._owners[path] for path in touched)
        except StoreError as wrong:
            log.critical("%s", wrong)
            self._halt()
            return
        except Exception:
            log.exception("a fault of the emulator, which halts")
            self._halt()
            return
        self._settling = None
        for peer in list(self.peers):
            peer.write()
        self._arm()

    def _halt(self) -> None:
        """What memory holds and what the disk holds differ: acknowledge nothing more, let no client wait."""
        self._stopped = True
        for peer in list(self.peers):
            peer.abort()
        self.halted.set()

    def pump(self, node: Node, now: int) -> None:
        """Give what is available to who waits for it."""
        if node.queue.dead:
            owner = self._owners[node.path]
            letters, node.queue.dead = node.queue.dead, []
            for entry, reason, description in letters:
                self._bury(owner.dead if isinstance(owner, QueueEntity) else node, entry, reason, description)
        while node.forward_to and (entry := node.queue.take_next()):
            self._forward(node, entry, now)
        self._offer_sessions(node, now)
        idle = 0
        while node.consumers and idle < len(node.consumers):
            consumer = node.consumers[0]
            node.consumers.rotate(-1)
            entry = None
            if consumer.credit > 0:
                take = node.queue.take_next if consumer.takes else None
                entry = take(consumer.session_id) if take else node.queue.lock_next(uuid4(), now, consumer.session_id)
            if entry:
                self.stir(node)
                consumer.deliver(entry)
            idle = 0 if entry else idle + 1

    def _offer_sessions(self, node: Node, now: int) -> None:
        while node.sessions and node.waiters and (session := node.sessions.first_free(node.queue.sessions())):
            waiter = node.waiters.popleft()
            waiter.offer(session, node.sessions.accept(session, waiter, now))

    def _bury(self, dead: Node, entry: Entry, reason: str | None, description: str | None) -> None:
        message = entry.message.with_application_properties(
            DeadLetterReason=reason, DeadLetterErrorDescription=description
        )
        dead.queue.accept(replace(entry, message=message, state=State.ACTIVE, lock=None))
        self.stir(dead)

    def _forward(self, node: Node, entry: Entry, now: int) -> None:
        """To the next entity, or with the reason to the transfer dead-letter queue of this one."""
        owner = self._owners[node.path]
        target = self.entities[node.forward_to.lower()]
        message = entry.message.annotated(**{ENQUEUE_SEQUENCE: long(entry.seq)})
        if isinstance(owner, QueueEntity) and node is owner.dead:
            message = message.annotated(**{DEAD_LETTER_SOURCE: owner.path})
        self.stir(node)
        wrong = self.problem(target, message)
        if entry.hops < MAX_HOPS and not wrong:
            self.send(target, message, now, entry.hops + 1)
            return
        reason = wrong.condition if wrong else "MaxTransferHopCountExceeded"
        why = wrong.description if wrong else f"The message was forwarded {MAX_HOPS} times, which is the most allowed."
        if isinstance(owner, QueueEntity):
            self._bury(owner.transfer, replace(entry, message=message), reason, why)

    # Time

    def _arm(self) -> None:
        deadlines = [
            deadline
            for entity in self.entities.values()
            for node in entity.nodes
            for deadline in (node.queue.next_deadline(), node.sessions.next_deadline() if node.sessions else None)
            if deadline is not None
        ]
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if deadlines:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0, min(deadlines) - clock()) / 1000, self._tick)

    def _tick(self) -> None:
        now = clock()
        for entity in self.entities.values():
            for node in entity.nodes:
                self._tick_node(entity, node, now)
        self.settle()

    def _tick_node(self, entity: Entity, node: Node, now: int) -> None:
        deadlines = [node.queue.next_deadline(), node.sessions.next_deadline() if node.sessions else None]
        if not any(deadline is not None and deadline <= now for deadline in deadlines):
            return
        self.stir(node)
        for session, owner in node.sessions.expire(now) if node.sessions else ():
            node.queue.release_session(session, now, counted=True)
            for consumer in [consumer for consumer in node.consumers if consumer is owner]:
                consumer.session_lost()
        for entry in node.queue.tick(now):
            message = entry.message.annotated(**{ENQUEUE_SEQUENCE: long(entry.seq)})
            self._arrive(entity, message, now)

"""enqueue -> available -> lock -> complete | abandon | defer | dead-letter; time takes what expires

The pure state machine of a queue, a subscription or a sub-queue: no wire, no disk, no clock. Times are milliseconds
since the epoch and come in by argument, as do lock tokens. Whatever must survive a restart is named in `dirty`, and
whatever leaves for the dead-letter queue waits in `dead` until the owner of the queue takes it.

Semantics: https://learn.microsoft.com/azure/service-bus-messaging/message-transfers-locks-settlement,
.../message-expiration, .../message-sequencing and .../message-deferral
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from heapq import heappop, heappush, nsmallest
from typing import NamedTuple
from uuid import UUID

from local.servicebus.message import Message


class State(IntEnum):
    """The numbers are those of x-opt-message-state; a locked message is active to a peek."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


class Lock(NamedTuple):
    """Who may settle a message, until when; None is as long as the session that holds it."""

    token: UUID
    until: int | None


@dataclass
class Entry:
    """A message in a queue."""

    seq: int
    message: Message
    enqueued: int
    state: State = State.ACTIVE
    delivery_count: int = 0
    due: int | None = None
    expires: int | None = None
    lock: Lock | None = None
    hops: int = 0

    @property
    def lane(self) -> str | None:
        return self.message.session_id

    @property
    def deadline(self) -> int | None:
        """When time itself will move this entry."""
        if self.lock:
            return self.lock.until
        return self.due if self.state is State.SCHEDULED else self.expires


@dataclass(frozen=True)
class Rules:
    """How a queue treats its messages; milliseconds, None is for ever."""

    lock: int = 60_000
    max_delivery_count: int | None = 10
    ttl: int | None = None
    dead_letter_expired: bool = False
    sessions: bool = False
    expires: bool = True


class DeadLetter(NamedTuple):
    entry: Entry
    reason: str | None
    description: str | None


class LockLostError(Exception):
    """The token locks nothing: settled already, expired, or never given."""


class MessageNotFoundError(Exception):
    """No deferred or scheduled message has this sequence number."""


@dataclass
class Sequence:
    """The numbers of an entity and its sub-queues: a dead-lettered message keeps its own."""

    last: int = 0

    def next(self) -> int:
        self.last += 1
        return self.last


@dataclass
class Queue:
    rules: Rules
    sequence: Sequence = field(default_factory=Sequence)
    entries: dict[int, Entry] = field(default_factory=dict[int, Entry])
    dirty: set[int] = field(default_factory=set[int])
    dead: list[DeadLetter] = field(default_factory=list[DeadLetter])
    _lanes: dict[str | None, list[int]] = field(default_factory=dict[str | None, list[int]])
    _locks: dict[UUID, int] = field(default_factory=dict[UUID, int])
    _deadlines: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    # Coming in

    def enqueue(self, message: Message, now: int, hops: int = 0) -> Entry:
        ttl = shorter(message.ttl, self.rules.ttl)
        expires = now + ttl if ttl is not None and self.rules.expires else None
        entry = Entry(self.sequence.next(), replace(message, ttl=ttl), now, expires=expires, hops=hops)
        self._place(entry)
        return entry

    def schedule(self, message: Message, due: int, now: int) -> Entry:
        entry = Entry(self.sequence.next(), message, now, State.SCHEDULED, due=due)
        self._place(entry)
        return entry

    def accept(self, entry: Entry) -> None:
        """Take over a dead letter with its number."""
        if not self.rules.expires:
            entry.expires = None
        self._place(entry)

    def restore(self, entry: Entry) -> None:
        """Put back what was read from disk, unless the delivery it was in was its last."""
        if self._is_spent(entry):
            self._bury_spent(entry)
        else:
            self._place(entry)
            self.dirty.discard(entry.seq)

    def _place(self, entry: Entry) -> None:
        self.entries[entry.seq] = entry
        self.dirty.add(entry.seq)
        if entry.state is State.ACTIVE and not entry.lock:
            heappush(self._lanes.setdefault(self._lane(entry), []), entry.seq)
        if entry.deadline is not None:
            heappush(self._deadlines, (entry.deadline, entry.seq))

    def _lane(self, entry: Entry) -> str | None:
        return entry.lane if self.rules.sessions else None

    # Going out

    def lock_next(self, token: UUID, now: int, session: str | None = None) -> Entry | None:
        """The first available message, locked; in a session's lane the session holds the lock."""
        entry = self.first(session)
        if entry:
            self._lock(entry, Lock(token, None if self.rules.sessions else now + self.rules.lock))
        return entry

    def take_next(self, session: str | None = None) -> Entry | None:
        """The first available message, gone: receive-and-delete and forwarding."""
        entry = self.first(session)
        if entry:
            self._remove(entry)
        return entry

    def lock_deferred(self, numbers: Iterable[int], tokens: Iterable[UUID], now: int) -> list[Entry]:
        """All of these deferred messages, locked.

        Raises:
            MessageNotFoundError: one of them is not deferred here; none is locked then.
        """
        wanted = [self._find(number, State.DEFERRED) for number in numbers]
        for entry, token in zip(wanted, tokens, strict=False):
            self._lock(entry, Lock(token, None if self.rules.sessions else now + self.rules.lock))
        return wanted

    def remove(self, numbers: Iterable[int], state: State) -> list[Entry]:
        """Cancel scheduled messages, or receive-and-delete deferred ones; all or none.

        Raises:
            MessageNotFoundError: one of them is not here in this state.
        """
        wanted = [self._find(number, state) for number in numbers]
        for entry in wanted:
            self._remove(entry)
        return wanted

    def _find(self, number: int, state: State) -> Entry:
        entry = self.entries.get(number)
        if not entry or entry.state is not state or entry.lock:
            raise MessageNotFoundError(f"no {state.name.lower()} message has sequence number {number}")
        return entry

    def first(self, session: str | None = None) -> Entry | None:
        """The available message with the lowest number in this lane."""
        lane = self._lanes.get(session)
        while lane:
            entry = self.entries.get(lane[0])
            if entry and entry.state is State.ACTIVE and not entry.lock:
                return entry
            heappop(lane)  # settled or locked since it was put here
        self._lanes.pop(session, None)
        return None

    def sessions(self) -> list[str]:
        """Sessions with an available message, the one that waits longest first."""
        firsts = [(entry.seq, lane) for lane in list(self._lanes) if (entry := self.first(lane))]
        return [lane for _, lane in sorted(firsts) if lane is not None]

    # Settling

    def complete(self, token: UUID) -> None:
        self._remove(self._settle(token))

    def abandon(self, token: UUID, now: int) -> None:
        self._return(self._settle(token), now, counted=True)

    def release(self, token: UUID, now: int) -> None:
        """Give back what no one looked at: the delivery does not count."""
        self._return(self._settle(token), now, counted=False)

    def defer(self, token: UUID, now: int) -> None:
        entry = self._settle(token)
        entry.state = State.DEFERRED
        self._return(entry, now, counted=False)

    def dead_letter(self, token: UUID, reason: str | None, description: str | None) -> None:
        self._bury(self._settle(token), reason, description)

    def renew(self, token: UUID, now: int) -> int:
        """The new end of a lock.

        Raises:
            LockLostError: the lock is no more.
        """
        entry = self.locked(token)
        if self.rules.sessions:
            raise LockLostError("the session holds this message: renew the session's lock")
        until = now + self.rules.lock
        entry.lock = Lock(token, until)
        heappush(self._deadlines, (until, entry.seq))
        return until

    def locked(self, token: UUID) -> Entry:
        number = self._locks.get(token)
        if number is None:
            raise LockLostError("the lock expired, or the message was settled already")
        return self.entries[number]

    def release_session(self, session: str, now: int, *, counted: bool) -> None:
        """The session's lock ended: what it held is available again, counted as delivered if the lock expired."""
        for token in [token for token, number in self._locks.items() if self.entries[number].lane == session]:
            self._return(self._settle(token), now, counted=counted)

    def _lock(self, entry: Entry, lock: Lock) -> None:
        entry.lock = lock
        self._locks[lock.token] = entry.seq
        self.dirty.add(entry.seq)
        if lock.until is not None:
            heappush(self._deadlines, (lock.until, entry.seq))

    def _settle(self, token: UUID) -> Entry:
        entry = self.locked(token)
        del self._locks[token]
        entry.lock = None
        return entry

    def _return(self, entry: Entry, now: int, *, counted: bool) -> None:
        entry.delivery_count += counted
        if entry.expires is not None and entry.expires <= now:
            self._expire(entry)
        elif self._is_spent(entry):
            self._bury_spent(entry)
        else:
            self._place(entry)

    def _is_spent(self, entry: Entry) -> bool:
        limit = self.rules.max_delivery_count
        return limit is not None and entry.delivery_count >= limit

    def _bury_spent(self, entry: Entry) -> None:
        why = f"Message could not be consumed after {entry.delivery_count} delivery attempts."
        self._bury(entry, "MaxDeliveryCountExceeded", why)

    def _remove(self, entry: Entry) -> None:
        self.entries.pop(entry.seq, None)
        self.dirty.add(entry.seq)

    def _bury(self, entry: Entry, reason: str | None, description: str | None) -> None:
        self._remove(entry)
        entry.state = State.ACTIVE
        self.dead.append(DeadLetter(entry, reason, description))

    def _expire(self, entry: Entry) -> None:
        if self.rules.dead_letter_expired:
            self._bury(entry, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self._remove(entry)

    # Time

    def next_deadline(self) -> int | None:
        while self._deadlines:
            when, number = self._deadlines[0]
            entry = self.entries.get(number)
            if entry and entry.deadline == when:
                return when
            heappop(self._deadlines)  # renewed, settled or gone since
        return None

    def tick(self, now: int) -> list[Entry]:
        """Expire locks and messages; take out and return the scheduled messages that are due."""
        due: list[Entry] = []
        while (when := self.next_deadline()) is not None and when <= now:
            entry = self.entries[heappop(self._deadlines)[1]]
            if entry.lock:
                self._return(self._settle(entry.lock.token), now, counted=True)
            elif entry.state is State.SCHEDULED:
                self._remove(entry)
                due.append(entry)
            else:
                self._expire(entry)
        return due

    # Looking

    def peek(self, start: int, count: int, session: str | None = None) -> list[Entry]:
        """Up to `count` messages from this sequence number on, in whatever state."""
        numbers = nsmallest(
            count,
            (n for n, e in self.entries.items() if n >= start and (session is None or e.lane == session)),
        )
        return [self.entries[number] for number in numbers]


def shorter(one: int | None, other: int | None) -> int | None:
    """The shorter of two lives, None being for ever."""
    return min((limit for limit in (one, other) if limit is not None), default=None)

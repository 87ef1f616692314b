"""accept -> renew -> close | expire; state stays with the session id

Session locks and states of one session-enabled queue or subscription, pure as `queues.py`. The owner of a lock is
whatever object accepted the session.

Semantics: https://learn.microsoft.com/azure/service-bus-messaging/message-sessions
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class SessionLock(NamedTuple):
    owner: object
    until: int


class SessionState(NamedTuple):
    data: bytes
    updated: int


class SessionLockedError(Exception):
    """Another receiver holds the session."""


class SessionLockLostError(Exception):
    """The asker does not hold the session."""


@dataclass
class Sessions:
    """`length` is the lock's duration in milliseconds; `dirty` names states that must reach the disk."""

    length: int
    locks: dict[str, SessionLock] = field(default_factory=dict[str, SessionLock])
    states: dict[str, SessionState] = field(default_factory=dict[str, SessionState])
    dirty: set[str] = field(default_factory=set[str])

    def accept(self, session: str, owner: object, now: int) -> int:
        """Lock the session; the end of the lock.

        Raises:
            SessionLockedError: it is locked already.
        """
        if session in self.locks:
            raise SessionLockedError(f"session '{session}' is locked by another receiver")
        self.locks[session] = SessionLock(owner, now + self.length)
        return now + self.length

    def first_free(self, candidates: Iterable[str]) -> str | None:
        return next((session for session in candidates if session not in self.locks), None)

    def renew(self, session: str, now: int) -> int:
        until = now + self.length
        self.locks[session] = SessionLock(self.lock(session).owner, until)
        return until

    def lock(self, session: str) -> SessionLock:
        """Raises:
        SessionLockLostError: no one holds the session.
        """
        if session not in self.locks:
            raise SessionLockLostError(f"the lock on session '{session}' is lost")
        return self.locks[session]

    def close(self, session: str) -> None:
        self.locks.pop(session, None)

    def expire(self, now: int) -> list[tuple[str, object]]:
        """The sessions whose locks ended now, with their former owners."""
        lost = [(session, lock.owner) for session, lock in self.locks.items() if lock.until <= now]
        for session, _ in lost:
            del self.locks[session]
        return lost

    def next_deadline(self) -> int | None:
        return min((lock.until for lock in self.locks.values()), default=None)

    def set_state(self, session: str, data: bytes | None, now: int) -> None:
        if data is None:
            self.states.pop(session, None)
        else:
            self.states[session] = SessionState(data, now)
        self.dirty.add(session)

"""The pure queue, driven by hypothesis: nothing lost, nothing in two places, no lock held twice."""

from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from local.servicebus.duplicates import History
from local.servicebus.message import Message
from local.servicebus.queues import LockLostError, MessageNotFoundError, Queue, Rules, State
from local.servicebus.sessions import SessionLockedError, SessionLockLostError, Sessions

LOCK, TTL, LIMIT = 30, 200, 4
MAIN = Rules(lock=LOCK, max_delivery_count=LIMIT, ttl=TTL, dead_letter_expired=True)


class QueueMachine(RuleBasedStateMachine):
    """Every message ever sent is in the queue, among its dead letters, or was completed or cancelled."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.queue = Queue(MAIN)
        self.finished: set[int] = set()  # numbers completed, cancelled or given a new number when due
        self.buried: list[int] = []
        self.made = 0

    def token(self) -> UUID:
        self.made += 1
        return UUID(int=self.made)

    def collect(self) -> None:
        self.buried += [letter.entry.seq for letter in self.queue.dead]
        self.queue.dead.clear()

    @rule(ttl=st.none() | st.integers(1, 500))
    def send(self, ttl: int | None) -> None:
        entry = self.queue.enqueue(Message(b"", ttl=ttl), self.now)
        assert entry.expires == self.now + min(ttl or TTL, TTL)

    @rule(wait=st.integers(1, 100))
    def schedule(self, wait: int) -> None:
        self.queue.schedule(Message(b""), self.now + wait, self.now)

    @rule(target=tokens)
    def receive(self) -> UUID:
        token = self.token()
        free = [e.seq for e in self.queue.entries.values() if e.state is State.ACTIVE and not e.lock]
        entry = self.queue.lock_next(token, self.now)
        assert (entry.seq if entry else None) == (min(free) if free else None), "the lowest number comes first"
        return token

    @rule(target=tokens, pick=st.integers(0, 100))
    def receive_deferred(self, pick: int) -> UUID:
        token = self.token()
        deferred = [e.seq for e in self.queue.entries.values() if e.state is State.DEFERRED and not e.lock]
        if deferred:
            self.queue.lock_deferred([deferred[pick % len(deferred)]], [token], self.now)
        return token

    @rule(token=consumes(tokens), how=st.sampled_from(["complete", "abandon", "release", "defer", "dead_letter"]))
    def settle(self, token: UUID, how: str) -> None:
        held = {e.lock.token: e for e in self.queue.entries.values() if e.lock}
        entry = held.get(token)
        before = entry.delivery_count if entry else 0
        settle = {
            "complete": lambda: self.queue.complete(token),
            "abandon": lambda: self.queue.abandon(token, self.now),
            "release": lambda: self.queue.release(token, self.now),
            "defer": lambda: self.queue.defer(token, self.now),
            "dead_letter": lambda: self.queue.dead_letter(token, "r", "d"),
        }[how]
        if entry is None:
            with pytest.raises(LockLostError):
                settle()
            return
        settle()
        assert entry.delivery_count == before + (how == "abandon")
        if how == "complete":
            self.finished.add(entry.seq)
        with pytest.raises(LockLostError):
            self.queue.complete(token)
        self.collect()

    @rule(token=tokens)
    def renew(self, token: UUID) -> None:
        held = {e.lock.token for e in self.queue.entries.values() if e.lock}
        if token in held:
            assert self.queue.renew(token, self.now) == self.now + LOCK
        else:
            with pytest.raises(LockLostError):
                self.queue.renew(token, self.now)

    @rule(pick=st.integers(0, 100))
    def cancel(self, pick: int) -> None:
        scheduled = [e.seq for e in self.queue.entries.values() if e.state is State.SCHEDULED]
        if not scheduled:
            with pytest.raises(MessageNotFoundError):
                self.queue.remove([pick], State.SCHEDULED)
            return
        number = scheduled[pick % len(scheduled)]
        self.queue.remove([number], State.SCHEDULED)
        self.finished.add(number)

    @rule(passed=st.integers(1, 60))
    def time_passes(self, passed: int) -> None:
        self.now += passed
        for entry in self.queue.tick(self.now):
            assert entry.due
            assert entry.due <= self.now
            self.finished.add(entry.seq)
            self.queue.enqueue(entry.message, self.now)
        self.collect()
        for entry in self.queue.entries.values():
            assert entry.deadline is None or entry.deadline > self.now, "what time ends, tick ends"

    @invariant()
    def nothing_is_lost_and_nothing_is_twice(self) -> None:
        places = [*self.queue.entries, *self.finished, *self.buried]
        assert sorted(places) == list(range(1, self.queue.sequence.last + 1))

    @invariant()
    def nobody_exceeds_the_delivery_limit(self) -> None:
        assert all(entry.delivery_count < LIMIT for entry in self.queue.entries.values())

    @invariant()
    def the_next_deadline_is_the_earliest(self) -> None:
        deadlines = [entry.deadline for entry in self.queue.entries.values() if entry.deadline is not None]
        assert self.queue.next_deadline() == min(deadlines, default=None)

    @invariant()
    def what_changed_is_marked_for_the_disk(self) -> None:
        assert self.queue.dirty <= set(range(1, self.queue.sequence.last + 1))


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_an_id_is_remembered_exactly_as_long_as_the_window() -> None:
    # given
    history = History(window=100)

    # then
    assert [history.seen("a", 0), history.seen("a", 99), history.seen("a", 100)] == [False, True, False]
    assert history.dirty == {"a"}


def test_a_session_is_locked_once_until_it_expires() -> None:
    # given
    sessions, one, other = Sessions(length=100), object(), object()

    # when / then
    assert sessions.accept("a", one, 0) == 100
    with pytest.raises(SessionLockedError):
        sessions.accept("a", other, 50)
    assert sessions.renew("a", 50) == 150
    assert sessions.first_free(["a", "b"]) == "b"
    assert sessions.expire(149) == []
    assert sessions.expire(150) == [("a", one)]
    with pytest.raises(SessionLockLostError):
        sessions.renew("a", 151)
    assert sessions.accept("a", other, 151) == 251

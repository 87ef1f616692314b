"""The breaker against an oracle that keeps the whole history and counts."""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.kernel.breaker import Breaker

FAILURES, REST = 3, 10.0


@dataclass
class Oracle:
    """What happened to calls, in order of their ends: 'ok', 'bad', 'gone'; and when the last bad one ended."""

    ended: list[str] = field(default_factory=list)
    last_bad: float = 0.0

    @property
    def bad_in_a_row(self) -> int:
        told = [end for end in self.ended if end != "gone"]
        return len(told) - max((at + 1 for at, end in enumerate(told) if end == "ok"), default=0)

    def open(self) -> bool:
        return self.bad_in_a_row >= FAILURES


class BreakerMachine(RuleBasedStateMachine):
    """One call at a time, which is how an event asks; a cancelled one says nothing about the model."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.breaker = Breaker(FAILURES, REST, clock=lambda: self.now)
        self.oracle = Oracle()
        self.under_way = False

    @rule(seconds=st.floats(0.1, 2 * REST))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: not self.under_way)
    @rule()
    def somebody_asks(self) -> None:
        expected = not self.oracle.open() or self.now - self.oracle.last_bad >= REST
        self.under_way = self.breaker.allows()
        assert self.under_way == expected

    @precondition(lambda self: self.under_way)
    @rule(end=st.sampled_from(["ok", "bad", "bad", "bad", "gone"]))
    def the_call_ends(self, end: str) -> None:
        {"ok": self.breaker.succeeded, "bad": self.breaker.failed, "gone": self.breaker.gave_up}[end]()
        self.oracle.ended.append(end)
        self.oracle.last_bad = self.now if end == "bad" else self.oracle.last_bad
        self.under_way = False

    @precondition(lambda self: self.under_way and self.oracle.open())
    @rule()
    def nobody_else_may_ask_while_the_probe_is_under_way(self) -> None:
        assert not self.breaker.allows()

    @invariant()
    def a_model_that_works_is_never_kept_from(self) -> None:
        if not self.oracle.open():
            assert self.under_way or self.oracle.bad_in_a_row < FAILURES


TestBreaker = BreakerMachine.TestCase


def test_failures_that_were_under_way_when_it_opened_lengthen_the_rest() -> None:
    # given: five calls at once, all allowed
    now = 0.0
    breaker = Breaker(FAILURES, REST, clock=lambda: now)
    assert all(breaker.allows() for _ in range(5))

    # when
    for now in (1.0, 2.0, 3.0, 4.0, 5.0):  # noqa: B007 - the breaker's clock reads it
        breaker.failed()

    # then
    now = 5.0 + REST - 0.1
    assert not breaker.allows()
    now = 5.0 + REST
    assert breaker.allows()
    assert not breaker.allows()

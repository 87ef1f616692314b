"""The engine by itself: given a saga with this past, when that happens, then it moves so. No store, no bus."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.kernel.outcome import Park
from services.kernel.settings import RetrySettings
from services.saga import engine
from services.saga.customer_escalation import CUSTOMER_ESCALATION, EscalationData
from services.saga.decide import left_alone
from services.saga.definition import Definition, SagaData
from services.saga.engine import MOST_ATTEMPTS, MOST_RETRIES, MOST_UNDONE, Moved, Report
from services.saga.order_fulfilment import ORDER_FULFILMENT, OrderData
from services.saga.saga import Saga

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DESK, LAMP, CUSTOMER = "P-100", "P-110", "C-1"
TARGETS = {"reserve_stock": (DESK, LAMP)}

Happening = Callable[[Saga, Definition[Any]], Moved | None]


# -- what can happen ---------------------------------------------------------------------------------------------------


def begins() -> Happening:
    return lambda saga, definition: engine.started(saga, definition, NOW)


def chooses(choice: Any, step: str = "", option: str = "standard") -> Happening:
    return lambda saga, definition: engine.chosen(saga, definition, choice, step, option, by="model", why="so", now=NOW)


def recovers(recovery: Any) -> Happening:
    return lambda saga, definition: engine.recovered(saga, definition, recovery, by="model", why="so", now=NOW)


def succeeds(step: str, target: str = CUSTOMER, *, action: Any = "do", attempt: int = 1) -> Happening:
    return lambda saga, _: engine.succeeded(saga, Report(action, step, attempt, target), NOW)


def refuses(
    step: str, target: str = CUSTOMER, *, action: Any = "do", attempt: int = 1, retryable: bool = True
) -> Happening:
    return lambda saga, _: engine.failed(saga, Report(action, step, attempt, target, "no", retryable), NOW)


def is_silent(step: str, *, action: Any = "do", attempt: int = 1) -> Happening:
    return lambda saga, _: engine.timed_out(saga, action, step, attempt, NOW)


def is_stopped() -> Happening:
    return lambda saga, definition: engine.stopped(saga, definition, by="ada", why="a mistake", now=NOW)


def is_decided(decision: str, by: str = "ada") -> Happening:
    return lambda saga, definition: engine.decided(
        saga, definition, saga.approval.approval_id if saga.approval else "", decision, by=by, why="", now=NOW
    )


def is_done(step: str) -> tuple[Happening, ...]:
    """A step is chosen, and all its parts succeed."""
    return (chooses("execute", step), *(succeeds(step, target) for target in TARGETS.get(step, (CUSTOMER,))))


RESERVED = is_done("reserve_stock")
PAID = (*RESERVED, *is_done("take_payment"))
ON_ITS_WAY = (*PAID, chooses("execute", "ship_order"))
BROKE = (*RESERVED, chooses("execute", "take_payment"), refuses("take_payment", retryable=False))

# -- the fixture -------------------------------------------------------------------------------------------------------


def order(risk: Any = "low", total: str = "615.00") -> OrderData:
    pieces = {DESK: 2, LAMP: 3}
    return OrderData(
        subject="O-1", customer_id=CUSTOMER, pieces=pieces, total=Decimal(total), currency="EUR", risk=risk
    )


def escalation(credit: str = "25") -> EscalationData:
    return EscalationData(subject="F-1", customer_id=CUSTOMER, cause="feedback", credit=Decimal(credit))


@dataclass(frozen=True)
class Story:
    """`given` a past, `when` one more thing happens, `then` the engine says this."""

    data: SagaData
    past: tuple[Happening, ...] = ()
    what: Happening | None = None

    def when(self, what: Happening) -> "Story":
        return replace(self, what=what)

    def outcome(self) -> Moved | None:
        definition = ORDER_FULFILMENT if isinstance(self.data, OrderData) else CUSTOMER_ESCALATION
        saga = Saga(
            saga_type=definition.name,
            subject=self.data.subject,
            customer_id=self.data.customer_id,
            initial_data={},
            data=self.data.model_dump(mode="json"),
            started_at=NOW,
        )
        for happening in self.past:
            moved = happening(saga, definition)
            assert moved is not None, "the past of a story must have happened"
            saga = moved.saga
        assert self.what is not None
        return self.what(saga, definition)

    def then(self, *, ignored: bool = False, **expected: Any) -> None:
        """Compare what is named: `sends` as (action, step, attempt, refusals before), all else as it reads."""
        moved = self.outcome()
        if ignored or moved is None:
            assert ignored == (moved is None)
            return
        saga, last = moved.saga, moved.saga.journal[-1] if moved.saga.journal else None
        told = {
            "status": saga.status,
            "going": saga.going,
            "needs": moved.needs,
            "sends": [(each.action, each.step.name, each.step.attempt, each.refusals) for each in moved.sends],
            "left": [part.target for each in moved.sends for part in each.step.parts if not part.settled],
            "asks": saga.approval.question if moved.approvals and saga.approval else "",
            "approval": [each.status for each in moved.approvals],
            "completed": list(saga.steps_completed),
            "error": saga.last_error,
            "by": last.by if last else "",
        }
        assert {name: told[name] for name in expected} == expected


def given(data: SagaData, *past: Happening) -> Story:
    return Story(data, past)


# -- forward -----------------------------------------------------------------------------------------------------------


def test_an_order_goes_step_by_step() -> None:
    given(order()).when(begins()).then(needs="step", sends=[])
    given(order()).when(chooses("execute", "reserve_stock")).then(
        sends=[("do", "reserve_stock", 1, 0)], left=[DESK, LAMP]
    )
    given(order(), *RESERVED[:-1]).when(RESERVED[-1]).then(needs="step", completed=["reserve_stock"], status="running")
    given(order(), *RESERVED).when(chooses("execute", "take_payment")).then(sends=[("do", "take_payment", 1, 0)])
    given(order(), *ON_ITS_WAY, succeeds("ship_order")).when(chooses("complete")).then(status="completed", sends=[])


def test_a_step_is_done_when_all_its_parts_are() -> None:
    begun = chooses("execute", "reserve_stock")
    given(order(), begun).when(succeeds("reserve_stock", LAMP)).then(needs="", completed=[], sends=[])
    given(order(), begun, succeeds("reserve_stock", LAMP)).when(succeeds("reserve_stock", DESK)).then(
        needs="step", completed=["reserve_stock"]
    )


@pytest.mark.parametrize(
    ("past", "illegal", "instead"),
    [
        ((), chooses("execute", "take_payment"), "reserve_stock"),
        ((), chooses("complete"), "reserve_stock"),
        ((), chooses("compensate"), "reserve_stock"),
        (RESERVED, chooses("execute", "ship_order"), "take_payment"),
        (RESERVED, chooses("execute", "reserve_stock"), "take_payment"),
        (RESERVED, chooses("execute", "grant_credit"), "take_payment"),
        (RESERVED, chooses("execute", "take_payment", "express"), "take_payment"),
        (RESERVED, chooses("execute"), "take_payment"),
        (PAID, chooses("complete"), "ship_order"),
        (PAID, chooses("execute", "ship_order", "express"), "ship_order"),
    ],
)
def test_what_is_not_legal_gives_way_to_the_definitions_order(
    past: tuple[Happening, ...], illegal: Happening, instead: str
) -> None:
    story = given(order(), *past).when(illegal)
    story.then(sends=[("do", instead, 1, 0)])
    moved = story.outcome()
    assert moved
    (chosen,) = [entry for entry in moved.saga.journal if (entry.what, entry.step) == ("chosen", instead)]
    assert chosen.by == "rules"
    assert "is not legal now" in chosen.why


def test_steps_that_wait_for_nobody_may_be_done_in_any_order() -> None:
    ticket = is_done("open_ticket")
    for step, option in (("grant_credit", "standard"), ("assign_agent", "quality")):
        given(escalation(), *ticket).when(chooses("execute", step, option)).then(sends=[("do", step, 1, 0)])


# -- a step that fails -------------------------------------------------------------------------------------------------

PAYING = (*RESERVED, chooses("execute", "take_payment"))


def test_a_refusal_must_be_recovered_from() -> None:
    given(order(), *PAYING).when(refuses("take_payment")).then(needs="recovery", error="take_payment: no", sends=[])
    given(order(), *PAYING, refuses("take_payment")).when(recovers("retry")).then(sends=[("do", "take_payment", 2, 1)])
    given(order(), *BROKE).when(recovers("compensate")).then(going="back", sends=[("undo", "take_payment", 1, 0)])


def test_a_silence_is_tried_again_at_once_a_refusal_after_a_while() -> None:
    given(order(), *PAYING, is_silent("take_payment")).when(recovers("retry")).then(
        sends=[("do", "take_payment", 2, 0)]
    )
    twice = (refuses("take_payment"), recovers("retry"), refuses("take_payment", attempt=2))
    given(order(), *PAYING, *twice).when(recovers("retry")).then(sends=[("do", "take_payment", 3, 2)])


def test_only_the_parts_that_are_not_done_are_tried_again() -> None:
    half = (chooses("execute", "reserve_stock"), succeeds("reserve_stock", LAMP), refuses("reserve_stock", DESK))
    given(order(), *half).when(recovers("retry")).then(left=[DESK])
    given(order(), *half).when(recovers("compensate")).then(left=[DESK, LAMP])


def test_what_no_later_attempt_can_change_is_not_tried_again() -> None:
    given(order(), *BROKE).when(recovers("retry")).then(going="back", by="rules")


def test_a_step_is_tried_so_often_and_not_more() -> None:
    past = list(PAYING)
    for attempt in range(1, MOST_ATTEMPTS):
        past += [is_silent("take_payment", attempt=attempt), recovers("retry")]
    past.append(is_silent("take_payment", attempt=MOST_ATTEMPTS))
    given(order(), *past).when(recovers("retry")).then(going="back", by="rules")


def test_all_steps_together_are_retried_so_often_and_not_more() -> None:
    past: list[Happening] = []
    for step in ("open_ticket", "grant_credit", "assign_agent"):
        option = "service" if step == "assign_agent" else "standard"
        past += [chooses("execute", step, option), is_silent(step), recovers("retry")]
        past += [is_silent(step, attempt=2), recovers("retry"), succeeds(step, attempt=3)]
    story = given(escalation(), *past[:-2]).when(past[-2])
    story.then(going="back", by="rules")
    moved = story.outcome()
    assert moved
    assert moved.saga.retries == MOST_RETRIES


def test_an_old_attempt_can_succeed_but_no_longer_fail() -> None:
    retried = (*PAYING, is_silent("take_payment"), recovers("retry"))
    given(order(), *retried).when(succeeds("take_payment", attempt=1)).then(needs="step")
    given(order(), *retried).when(refuses("take_payment", attempt=1)).then(ignored=True)
    given(order(), *retried).when(is_silent("take_payment", attempt=1)).then(ignored=True)


def test_what_cannot_be_undone_and_is_silent_is_left_to_a_person_in_the_end() -> None:
    silent = (*ON_ITS_WAY, is_silent("ship_order"))
    given(order(), *silent).when(recovers("compensate")).then(sends=[("do", "ship_order", 2, 0)], by="rules")
    again = (recovers("retry"), is_silent("ship_order", attempt=2), recovers("retry"))
    given(order(), *silent, *again, is_silent("ship_order", attempt=3)).when(recovers("retry")).then(
        status="failed", error="ship_order: no answer in time"
    )


def test_what_cannot_be_undone_and_was_refused_can_be_compensated() -> None:
    given(order(), *ON_ITS_WAY, refuses("ship_order", retryable=False)).when(recovers("compensate")).then(
        going="back", sends=[("undo", "ship_order", 1, 0)]
    )


# -- back --------------------------------------------------------------------------------------------------------------

UNDOING = (*BROKE, recovers("compensate"))
UNPAID = succeeds("take_payment", action="undo")


def test_steps_are_undone_the_last_one_first_until_none_is_left() -> None:
    given(order(), *UNDOING).when(UNPAID).then(sends=[("undo", "reserve_stock", 1, 0)], left=[DESK, LAMP])
    one = succeeds("reserve_stock", DESK, action="undo")
    given(order(), *UNDOING, UNPAID, one).when(succeeds("reserve_stock", LAMP, action="undo")).then(
        status="compensated", sends=[]
    )


def test_a_late_success_does_not_turn_a_saga_around() -> None:
    given(order(), *UNDOING).when(succeeds("take_payment")).then(ignored=True)


@pytest.mark.parametrize("trouble", [refuses, is_silent])
def test_an_undo_is_tried_later_and_later_and_then_a_person_must_look(trouble: Any) -> None:
    past = list(UNDOING)
    for attempt in range(1, MOST_UNDONE):
        what = trouble("take_payment", action="undo", attempt=attempt)
        given(order(), *past).when(what).then(sends=[("undo", "take_payment", attempt + 1, attempt)])
        past.append(what)
    given(order(), *past).when(trouble("take_payment", action="undo", attempt=MOST_UNDONE)).then(status="failed")


@pytest.mark.parametrize(
    ("past", "stops"),
    [
        ((), True),
        (RESERVED, True),
        (PAYING, True),
        (PAID, True),
        (ON_ITS_WAY, False),
        (UNDOING, False),
        ((*ON_ITS_WAY, succeeds("ship_order"), chooses("complete")), False),
    ],
)
def test_it_can_be_stopped_until_something_cannot_be_undone(past: tuple[Happening, ...], stops: bool) -> None:
    story = given(order(), *past).when(is_stopped())
    story.then(going="back", error="a mistake", ignored=False) if stops else story.then(ignored=True)


# -- people ------------------------------------------------------------------------------------------------------------

RISKY, LARGE = order(risk="high"), order(total="4000.00")


def test_a_person_is_asked_first_and_once() -> None:
    given(RISKY).when(begins()).then(approval=["pending"], needs="", sends=[])
    given(RISKY, begins()).when(begins()).then(ignored=True)
    given(RISKY, begins()).when(is_decided("approve")).then(needs="step", approval=["decided"])
    given(LARGE, *PAID).when(chooses("execute", "ship_order")).then(
        sends=[], asks="Order O-1 is worth 4000.00 EUR and cannot be called back: ship it?"
    )
    given(LARGE, *ON_ITS_WAY).when(is_decided("approve")).then(sends=[("do", "ship_order", 1, 0)])


@pytest.mark.parametrize("by", ["ada", ""], ids=["rejected", "nobody in time"])
def test_without_an_approval_it_goes_back(by: str) -> None:
    status = "decided" if by else "expired"
    given(RISKY, begins()).when(is_decided("reject", by)).then(status="compensated", approval=[status])
    given(LARGE, *ON_ITS_WAY).when(is_decided("reject", by)).then(
        going="back", sends=[("undo", "take_payment", 1, 0)], approval=[status]
    )


def test_the_first_decision_counts_and_an_option_must_be_one() -> None:
    given(RISKY, begins(), is_decided("approve")).when(is_decided("reject")).then(ignored=True)
    with pytest.raises(Park, match="allowed are approve, reject"):
        given(RISKY, begins()).when(is_decided("perhaps")).outcome()


def test_who_stops_a_saga_withdraws_its_approval_and_decides_nothing() -> None:
    given(RISKY, begins()).when(is_stopped()).then(status="compensated", approval=["withdrawn"])


# -- pace --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "seconds"),
    [
        (RetrySettings(), [5, 10, 20, 40, 80, 160, 320, 600]),
        (RetrySettings(baseSeconds=0.5, capSeconds=4), [0.5, 1, 2, 4, 4, 4, 4, 4]),
    ],
    ids=["as a service waits", "on a laptop"],
)
def test_who_refused_is_left_alone_longer_each_time(pace: RetrySettings, seconds: list[float]) -> None:
    assert [left_alone(refusals, pace) for refusals in range(1, 9)] == [timedelta(seconds=each) for each in seconds]

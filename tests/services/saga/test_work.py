"""The step worker by itself: given a partition and its hold, when it is told to do or undo, then this is written."""

from decimal import Decimal
from typing import Any

import pytest

from services.kernel.effects import Effects
from services.saga import work
from services.saga.definitions import step_of
from services.saga.events import DoStep, UndoStep

PAY, SHIP = step_of("take_payment"), step_of("ship_order")
ACCOUNT = {"id": "a", "kind": "account", "balance": "100.00", "credit": "0.00", "currency": "EUR", "_etag": "1"}
DONE = {
    "id": work.hold_id("S", "take_payment"),
    "kind": "hold",
    "saga_id": "S",
    "step": "take_payment",
    "amount": "60.00",
    "currency": "EUR",
    "option": "standard",
    "status": "done",
    "_etag": "2",
}
UNDONE = {**DONE, "status": "undone"}


def do(account: Any = ACCOUNT, hold: Any = None, amount: str = "60.00") -> Effects:
    how_much = {"amount": Decimal(amount), "currency": "EUR", "option": "standard"}
    order = DoStep(saga_id="S", step="take_payment", target="C-1", attempt=2, **how_much)
    return work.do(order, PAY, account, hold)


def undo(account: Any = ACCOUNT, hold: Any = None, step: str = "take_payment") -> Effects:
    return work.undo(UndoStep(saga_id="S", step=step, target="C-1", attempt=2), step_of(step), account, hold)


def told(effects: Effects) -> tuple[str, str, int]:
    (announced,) = effects.events
    report: Any = announced.data
    return announced.type, report.action, report.attempt


def written(effects: Effects) -> dict[str, dict[str, Any]]:
    return {put.document["kind"]: put.document for put in effects.puts}


def test_what_is_done_is_written_down_with_how_much_it_was() -> None:
    effects = do()
    assert told(effects) == ("step_succeeded", "do", 2)
    assert written(effects)["account"]["balance"] == "40.00"
    assert written(effects)["hold"] == {key: value for key, value in DONE.items() if key != "_etag"}
    assert {put.document["kind"]: put.etag for put in effects.puts} == {"hold": None, "account": "1"}


@pytest.mark.parametrize(
    ("hold", "report"),
    [(DONE, ("step_succeeded", "do", 2)), (UNDONE, ("step_failed", "do", 2))],
    ids=["was done", "was undone"],
)
def test_what_was_done_or_undone_before_is_not_done_again(hold: Any, report: Any) -> None:
    effects = do(hold=hold)
    assert told(effects) == report
    assert not effects.puts


def test_a_refusal_changes_nothing_and_leaves_no_hold() -> None:
    effects = do(amount="100.01")
    assert told(effects) == ("step_failed", "do", 2)
    assert not effects.puts


def test_as_much_as_was_done_is_undone_and_written_down() -> None:
    effects = undo(hold=DONE)
    assert told(effects) == ("step_succeeded", "undo", 2)
    assert written(effects)["account"]["balance"] == "160.00"
    assert (written(effects)["hold"]["status"], written(effects)["hold"]["amount"]) == ("undone", "60.00")
    assert {put.document["kind"]: put.etag for put in effects.puts} == {"hold": "2", "account": "1"}


def test_what_was_undone_is_not_undone_again() -> None:
    effects = undo(hold=UNDONE)
    assert told(effects) == ("step_succeeded", "undo", 2)
    assert not effects.puts


def test_an_undo_without_a_do_leaves_a_hold_that_refuses_the_do() -> None:
    effects = undo()
    assert told(effects) == ("step_succeeded", "undo", 2)
    assert written(effects).keys() == {"hold"}
    late = do(hold=written(effects)["hold"])
    assert told(late) == ("step_failed", "do", 2)
    assert not late.puts


def test_what_cannot_be_undone_is_refused() -> None:
    effects = undo(hold={**DONE, "step": "ship_order"}, step="ship_order")
    assert told(effects) == ("step_failed", "undo", 2)
    assert not effects.puts

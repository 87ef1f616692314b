"""do_step, undo_step + the partition's document + its hold -> effects: what is done in stock and accounts, purely.

The hold says what was done here for one step of one saga. It makes both directions repeatable, and their order
harmless: an undo that comes before its do leaves a hold that refuses the do.
"""

from typing import Any

from services.entities import SAGA_STEPS
from services.kernel.effects import Announce, Effects, Put
from services.kernel.ids import safe_id
from services.kernel.store import Document
from services.saga.definition import Refused, Step, Work
from services.saga.events import DoStep, StepFailed, StepSucceeded, UndoStep

HOLD = "hold"


def hold_id(saga_id: str, step: str) -> str:
    return f"hold~{safe_id(saga_id, step)}"


def do(order: DoStep, step: Step[Any], document: Document | None, hold: Document | None) -> Effects:
    """Do it, unless it was done or undone before; what is done is written down with how much it was."""
    if hold:
        if hold["status"] == "done":
            return _succeeded("do", order, note="it was done before")
        return _failed("do", order, Refused("it was undone before", retryable=False))
    work = Work(amount=order.amount, currency=order.currency, option=order.option)
    after = step.do(document, work)
    if isinstance(after, Refused):
        return _failed("do", order, after)
    held = {**work.model_dump(mode="json"), "status": "done"}
    return _succeeded("do", order, _hold(order, held, None), *_changed(document, after))


def undo(order: UndoStep, step: Step[Any], document: Document | None, hold: Document | None) -> Effects:
    """Undo as much as was done. Where nothing was, nothing ever will be."""
    if hold is None:
        return _succeeded("undo", order, _hold(order, {"status": "undone", "note": "it was not done yet"}, None))
    if hold["status"] == "undone":
        return _succeeded("undo", order, note="it was undone before")
    if step.undo is None:
        return _failed("undo", order, Refused("it cannot be undone", retryable=False))
    after = step.undo(document, Work.model_validate(hold, extra="ignore"))
    if isinstance(after, Refused):
        return _failed("undo", order, after)
    return _succeeded("undo", order, _hold(order, {**hold, "status": "undone"}, hold), *_changed(document, after))


def _hold(order: DoStep | UndoStep, content: Document, before: Document | None) -> Put:
    name = hold_id(order.saga_id, order.step)
    document = {**content, "id": name, "kind": HOLD, "saga_id": order.saga_id, "step": order.step}
    return Put(document, before["_etag"] if before else None)


def _changed(before: Document | None, after: Any) -> tuple[Put, ...]:
    return (Put(after, before["_etag"]),) if before and after else ()


def _succeeded(action: Any, order: DoStep | UndoStep, *puts: Put, note: str = "") -> Effects:
    report = StepSucceeded(
        saga_id=order.saga_id, action=action, step=order.step, target=order.target, attempt=order.attempt
    )
    return Effects(puts, (Announce(SAGA_STEPS, report.TYPE, report, session=order.saga_id),), note=note)


def _failed(action: Any, order: DoStep | UndoStep, refused: Refused) -> Effects:
    report = StepFailed(
        saga_id=order.saga_id,
        action=action,
        step=order.step,
        target=order.target,
        attempt=order.attempt,
        reason=refused.reason,
        retryable=refused.retryable,
    )
    announced = Announce(SAGA_STEPS, report.TYPE, report, session=order.saga_id)
    return Effects(events=(announced,), note=f"refused: {refused.reason}")

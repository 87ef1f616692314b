"""saga + what happened -> saga + what is to be sent: the state machine, pure. It decides what is legal; who chooses is
asked elsewhere.

    forward: choose -> (a person agrees) -> do, retried a few times -> choose -> ... -> completed
    back:    undo the last step -> the one before -> ... -> compensated, or failed where something cannot be undone

Nothing here reads a clock: `now` comes in with what happened.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.kernel.approvals import ApprovalChanged
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.saga.definition import Definition, Step
from services.saga.saga import START, Action, Begun, Chosen, Part, Saga

MOST_ATTEMPTS = 3
"""How often one step is tried."""
MOST_RETRIES = 5
"""How often all steps of a saga together are tried again."""
MOST_UNDONE = 8
"""How often a compensation is tried before a person must look."""
MOST_ASKED = 12
"""How often a model is asked for one saga; then the definition's order decides."""
PATIENCE = timedelta(hours=24)
"""How long a person may take to decide."""
APPROVE, REJECT = "approve", "reject"

Choice = Literal["execute", "complete", "compensate"]
Recovery = Literal["retry", "compensate", "fail"]
Needs = Literal["", "step", "recovery"]


@dataclass(frozen=True)
class Send:
    """Tell the partitions of a step, and look again when its time is up.

    `refusals` are the attempts after which a partition is left alone for a while, the longer the more there were; with
    none it is told at once.
    """

    action: Action
    step: Begun
    refusals: int = 0


@dataclass(frozen=True)
class Moved:
    """The saga afterwards, what to send, which approvals changed, and what must be chosen before it goes on."""

    saga: Saga
    sends: tuple[Send, ...] = ()
    approvals: tuple[ApprovalChanged, ...] = ()
    needs: Needs = ""


@dataclass(frozen=True)
class Report:
    """What a partition says of its part."""

    action: Action
    step: str
    attempt: int
    target: str
    reason: str = ""
    retryable: bool = True


# -- what is legal -----------------------------------------------------------------------------------------------------


def executable(saga: Saga, definition: Definition[Any]) -> tuple[Step[Any], ...]:
    """The steps that may be begun now, in the definition's order."""
    begun, done = {step.name for step in saga.steps}, set(saga.steps_completed)
    return tuple(step for step in definition.steps if step.name not in begun and done.issuperset(step.after))


def can_go_back(saga: Saga, definition: Definition[Any]) -> bool:
    """Whether all that was begun can be undone: what cannot, must have been refused."""
    return all(definition.step(step.name).undo or step.refused for step in saga.steps)


def too_late_to_stop(saga: Saga, definition: Definition[Any]) -> str:
    """Why a saga can no longer be stopped, or nothing."""
    if saga.status != "running":
        return f"it is {saga.status} already"
    if saga.going == "back":
        return "it is being compensated already"
    return "" if can_go_back(saga, definition) else "a step that cannot be undone is under way"


def legal_choices(saga: Saga, definition: Definition[Any]) -> tuple[Choice, ...]:
    """What a saga that waits for a choice may do, the usual thing first."""
    if len(saga.steps_completed) == len(definition.steps):
        return ("complete",)
    return ("execute", "compensate") if saga.steps and can_go_back(saga, definition) else ("execute",)


def legal_recoveries(saga: Saga, definition: Definition[Any]) -> tuple[Recovery, ...]:
    """What may follow a failure. To fail, and leave it to a person, is for what can be neither done nor undone."""
    step = saga.current
    again = step and step.retryable and step.attempt < MOST_ATTEMPTS and saga.retries < MOST_RETRIES
    back: Recovery = "compensate" if can_go_back(saga, definition) else "fail"
    return ("retry", back) if again else (back,)


def by_definition(saga: Saga, definition: Definition[Any]) -> tuple[Choice, str, str]:
    """Choice, step and option in the definition's order."""
    if legal_choices(saga, definition) == ("complete",):
        return "complete", "", ""
    step = executable(saga, definition)[0]
    return "execute", step.name, step.options(definition.data.model_validate(saga.data))[0]


def by_definition_recover(saga: Saga, definition: Definition[Any]) -> Recovery:
    """What was refused is taken back, what was not heard of is tried again."""
    legal = legal_recoveries(saga, definition)
    return legal[-1] if saga.current and saga.current.refused else legal[0]


# -- what a choice does ------------------------------------------------------------------------------------------------


def started(saga: Saga, definition: Definition[Any], now: datetime) -> Moved | None:
    """The saga's first move; None if it was made already."""
    if saga.status != "running" or saga.steps or saga.approval or saga.going == "back":
        return None
    question = definition.approval(definition.data.model_validate(saga.data))
    if question:
        return _ask_a_person(saga, START, question, now)
    return Moved(saga, needs="step")


def chosen(
    saga: Saga, definition: Definition[Any], choice: Choice, step: str, option: str, *, by: str, why: str, now: datetime
) -> Moved:
    """Carry out a choice if it is legal, else what comes next by definition. The journal says which, before any of it
    is done.
    """
    data = definition.data.model_validate(saga.data)
    legal = choice in legal_choices(saga, definition)
    if legal and choice == "execute":
        legal = any(each.name == step and option in each.options(data) for each in executable(saga, definition))
    if not legal:
        asked_for = f"{choice} {step} {option}".strip()
        choice, step, option = by_definition(saga, definition)
        by, why = "rules", f"{asked_for!r} is not legal now: the definition's order decides"
    if choice == "complete":
        return Moved(_ended(saga, "completed", now, by=by, why=why))
    if choice == "compensate":
        return go_back(saga, by=by, why=why, now=now)
    saga = saga.noted(now, "chosen", step=step, by=by, why=why)
    question = definition.step(step).approval(data)
    if question and step not in saga.approved:
        waiting = saga.model_copy(update={"chosen": Chosen(step=step, option=option)})
        return _ask_a_person(waiting, step, question, now)
    return _begin(saga, definition, step, option, now)


def recovered(
    saga: Saga, definition: Definition[Any], recovery: Recovery, *, by: str, why: str, now: datetime
) -> Moved:
    """Carry out a recovery if it is legal, else what the definition would do."""
    if recovery not in legal_recoveries(saga, definition):
        why, by = f"{recovery!r} is not legal now: the definition decides", "rules"
        recovery = by_definition_recover(saga, definition)
    step = saga.current
    if step is None or recovery == "compensate":
        return go_back(saga, by=by, why=why, now=now)
    if recovery == "fail":
        return Moved(_ended(saga, "failed", now, step=step.name, by=by, why=why))
    refusals = step.attempt if step.refused else 0
    again = step.model_copy(update={"attempt": step.attempt + 1, "refused": False})
    saga = saga.with_step(again, retries=saga.retries + 1).noted(now, "retried", step=step.name, by=by, why=why)
    return Moved(saga, (Send("do", again, refusals),))


def go_back(saga: Saga, *, by: str, why: str, now: datetime) -> Moved:
    """From now on what was begun is undone, the last step first."""
    saga = saga.model_copy(update={"going": "back", "chosen": None})
    return _undo_next(saga.noted(now, "compensating", by=by, why=why), now)


# -- what is reported --------------------------------------------------------------------------------------------------


def succeeded(saga: Saga, report: Report, now: datetime) -> Moved | None:
    """A part is done, or undone; None if that is not news. Done is done, whichever attempt it was."""
    step = _under_way(saga, report)
    part = next((part for part in step.parts if part.target == report.target), None) if step else None
    if step is None or part is None or part.settled:
        return None
    parts = tuple(each.model_copy(update={"settled": True}) if each is part else each for each in step.parts)
    step = step.model_copy(update={"parts": parts})
    if not all(each.settled for each in parts):
        return Moved(saga.with_step(step))
    if report.action == "undo":
        undone = step.model_copy(update={"undone": True})
        return _undo_next(saga.with_step(undone).noted(now, "undone", step=step.name), now)
    done = step.model_copy(update={"done": True, "refused": False})
    completed = (*saga.steps_completed, step.name)
    return Moved(saga.with_step(done, steps_completed=completed).noted(now, "done", step=step.name), needs="step")


def failed(saga: Saga, report: Report, now: datetime) -> Moved | None:
    """A part was refused; None if the attempt is not the present one, or has been given up."""
    step = _under_way(saga, report)
    if step is None or report.attempt != step.attempt or step.refused:
        return None
    saga = saga.model_copy(update={"last_error": f"{step.name}: {report.reason}"})
    saga = saga.noted(now, "refused", step=step.name, by=report.target, why=report.reason)
    if report.action == "undo":
        return _undo_again(saga, step, now)
    refused = step.model_copy(update={"refused": True, "retryable": report.retryable})
    return Moved(saga.with_step(refused), needs="recovery")


def timed_out(saga: Saga, action: Action, name: str, attempt: int, now: datetime) -> Moved | None:
    """An attempt's time is up; None if it is over. What was done nevertheless is undone with the rest."""
    report = Report(action, name, attempt, "")
    step = _under_way(saga, report)
    if step is None or attempt != step.attempt:
        return None
    saga = saga.model_copy(update={"last_error": f"{name}: no answer in time"}).noted(now, "timed out", step=name)
    return _undo_again(saga, step, now) if action == "undo" else Moved(saga, needs="recovery")


def stopped(saga: Saga, definition: Definition[Any], *, by: str, why: str, now: datetime) -> Moved | None:
    """Cancelled by a person, or out of time; None if it is too late for that."""
    if too_late_to_stop(saga, definition):
        return None
    saga = saga.model_copy(update={"last_error": why})
    approval = saga.approval
    if approval is None or approval.status != "pending":
        return go_back(saga, by=by, why=why, now=now)
    approval = approval.model_copy(
        update={"status": "withdrawn", "decided_at": now, "comment": why}  # nobody has decided: it is needed no more
    )
    saga = saga.model_copy(update={"approval": approval})
    return replace(go_back(saga, by=by, why=why, now=now), approvals=(approval,))


def decided(
    saga: Saga, definition: Definition[Any], approval_id: str, decision: str, *, by: str, why: str, now: datetime
) -> Moved | None:
    """A person has decided, or nobody in time; None if the approval is not pending.

    Raises:
        Park: `no-such-option`.
    """
    approval = saga.approval
    if approval is None or approval.approval_id != approval_id or approval.status != "pending":
        return None
    if decision not in approval.options:
        allowed = ", ".join(approval.options)
        raise Park("no-such-option", f"decision is {decision!r}; allowed are {allowed}")
    verdict = {"status": "decided" if by else "expired", "decision": decision, "decided_by": by, "decided_at": now}
    approval = approval.model_copy(update={**verdict, "comment": why})
    waiting, who = saga.chosen, by or "nobody in time"
    saga = saga.model_copy(update={"approval": approval})
    if decision != APPROVE:
        said = f"{who} decided {decision}" + (f": {why}" if why else "")
        saga = saga.model_copy(update={"last_error": said})
        return replace(go_back(saga, by=who, why=said, now=now), approvals=(approval,))
    about = waiting.step if waiting else START
    saga = saga.model_copy(update={"approved": (*saga.approved, about), "chosen": None})
    saga = saga.noted(now, "approved", step=about, by=who, why=why)
    agreed = _begin(saga, definition, waiting.step, waiting.option, now) if waiting else Moved(saga, needs="step")
    return replace(agreed, approvals=(approval,))


# -- how ---------------------------------------------------------------------------------------------------------------


def _begin(saga: Saga, definition: Definition[Any], name: str, option: str, now: datetime) -> Moved:
    step = definition.step(name)
    work = step.parts(definition.data.model_validate(saga.data))
    parts = tuple(Part(target=target, amount=each.amount, currency=each.currency) for target, each in work.items())
    begun = Begun(name=name, option=option, parts=parts)
    saga = saga.model_copy(update={"steps": (*saga.steps, begun)}).noted(now, "begun", step=name)
    return Moved(saga, (Send("do", begun),))


def _undo_next(saga: Saga, now: datetime) -> Moved:
    step = saga.current
    if step is None:
        return Moved(_ended(saga, "compensated", now))
    parts = tuple(part.model_copy(update={"settled": False}) for part in step.parts)
    undoing = step.model_copy(update={"action": "undo", "attempt": 1, "refused": False, "parts": parts})
    return Moved(saga.with_step(undoing), (Send("undo", undoing),))


def _undo_again(saga: Saga, step: Begun, now: datetime) -> Moved:
    if step.attempt >= MOST_UNDONE:
        why = f"{step.name} could not be undone in {step.attempt} attempts"
        return Moved(_ended(saga, "failed", now, step=step.name, by="rules", why=why))
    again = step.model_copy(update={"attempt": step.attempt + 1})
    return Moved(saga.with_step(again), (Send("undo", again, refusals=step.attempt),))


def _under_way(saga: Saga, report: Report) -> Begun | None:
    step = saga.current
    if saga.status != "running" or step is None or (step.name, step.action) != (report.step, report.action):
        return None
    return step


def _ended(saga: Saga, status: Literal["completed", "compensated", "failed"], now: datetime, **more: str) -> Saga:
    return saga.model_copy(update={"status": status, "ended_at": now}).noted(now, status, **more)


def _ask_a_person(saga: Saga, about: str, question: str, now: datetime) -> Moved:
    saga_id = safe_id(saga.saga_type, saga.subject)
    approval = ApprovalChanged(
        approval_id=safe_id(saga_id, about),
        pattern="saga",
        owner=saga_id,
        session=saga_id,
        subject=saga.subject,
        question=question,
        options=(APPROVE, REJECT),
        default=REJECT,
        asked_at=now,
        expires_at=now + PATIENCE,
    )
    saga = saga.model_copy(update={"approval": approval}).noted(now, "approval asked", step=about, why=question)
    return Moved(saga, approvals=(approval,))

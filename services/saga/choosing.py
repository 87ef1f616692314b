"""a saga that waits for a choice -> facts -> the model's answer, or the definition's -> the engine carries it out.

Where only one thing is legal nobody is asked, and a saga that has asked often enough goes on by its definition.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.kernel.ports import Ports
from services.saga import engine
from services.saga.definition import Definition
from services.saga.engine import MOST_ASKED, Moved
from services.saga.questions import NEXT_STEP, NONE, RECOVERY, NextStepFacts, RecoveryFacts, StepFacts
from services.saga.saga import Saga

ONLY = "nothing else is legal"
SPENT = f"{MOST_ASKED} questions were asked for this saga: the definition decides"


async def choose(moved: Moved | None, definition: Definition[Any], ports: Ports, now: datetime) -> Moved | None:
    """The same move with what had to be chosen chosen."""
    if moved is None or not moved.needs:
        return moved
    carry_out = _next_step if moved.needs == "step" else _recovery
    then = await carry_out(moved.saga, definition, ports, now)
    return replace(then, approvals=(*moved.approvals, *then.approvals))


async def _next_step(saga: Saga, definition: Definition[Any], ports: Ports, now: datetime) -> Moved:
    facts = next_step_facts(saga, definition)
    if open_choices(facts) > 1 and saga.asked < MOST_ASKED:
        answered = await ports.ask(NEXT_STEP, facts, about=str(len(saga.steps) + 1))
        answer, by, saga = answered.answer, answered.source, _asked(saga)
        why = answer.reason
    else:
        answer, by, why = NEXT_STEP.rules(facts), "rules", ONLY if open_choices(facts) == 1 else SPENT
    action: Any = answer.action
    step, option = (_named(answer.step_name), _named(answer.step_config.option)) if action == "execute" else ("", "")
    return engine.chosen(saga, definition, action, step, option, by=by, why=why, now=now)


async def _recovery(saga: Saga, definition: Definition[Any], ports: Ports, now: datetime) -> Moved:
    facts = recovery_facts(saga, definition)
    if len(facts.legal) > 1 and saga.asked < MOST_ASKED:
        about = f"{facts.step}~{facts.attempt}"
        answered = await ports.ask(RECOVERY, facts, about=about)
        answer, by, saga = answered.answer, answered.source, _asked(saga)
        why = answer.reason
    else:
        answer, by, why = RECOVERY.rules(facts), "rules", ONLY if len(facts.legal) == 1 else SPENT
    recovery: Any = answer.recovery
    return engine.recovered(saga, definition, recovery, by=by, why=why, now=now)


def next_step_facts(saga: Saga, definition: Definition[Any]) -> NextStepFacts:
    """What the engine allows now. The saga's own figures go in, ids and whom it concerns stay out."""
    data = definition.data.model_validate(saga.data)
    legal = engine.legal_choices(saga, definition)
    steps = engine.executable(saga, definition) if "execute" in legal else ()
    return NextStepFacts(
        saga_type=saga.saga_type,
        steps_completed=saga.steps_completed,
        legal=legal,
        executable=tuple(
            StepFacts(name=step.name, options=step.options(data), can_be_undone=step.undo is not None) for step in steps
        ),
        **{name: str(saga.data[name]) for name in ("risk", "total", "why") if name in saga.data},
    )


def recovery_facts(saga: Saga, definition: Definition[Any]) -> RecoveryFacts:
    step = saga.current
    return RecoveryFacts(
        saga_type=saga.saga_type,
        step=step.name if step else "",
        attempt=step.attempt if step else 0,
        refused=bool(step and step.refused),
        error=saga.last_error or "",
        steps_completed=saga.steps_completed,
        legal=engine.legal_recoveries(saga, definition),
    )


def open_choices(facts: NextStepFacts) -> int:
    """How many different things may be chosen."""
    ways = sum(len(step.options) for step in facts.executable)
    return ways + len([action for action in facts.legal if action != "execute"])


def _asked(saga: Saga) -> Saga:
    return saga.model_copy(update={"asked": saga.asked + 1})


def _named(choice: str) -> str:
    return "" if choice == NONE else choice

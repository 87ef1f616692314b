"""The two questions of a saga: what next? and, after a failure, what now? The engine says what may be answered."""

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from services.kernel.question import Answer, Facts, Question, one_of

NONE = "none"
"""The step, or the option, of an answer that executes none."""
REASON = Field(max_length=300)


class StepFacts(Facts):
    """A step that may be executed now, and in which ways; the usual one first."""

    name: str
    options: tuple[str, ...]
    can_be_undone: bool


class NextStepFacts(Facts):
    """`legal` are the actions that the engine allows now, `why` is what led to the saga, in others' words."""

    saga_type: str
    steps_completed: tuple[str, ...]
    legal: tuple[str, ...]
    executable: tuple[StepFacts, ...]
    risk: str = ""
    total: str = ""
    why: str = ""


class StepConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    option: str


class NextStepAnswer(Answer):
    action: str
    step_name: str
    step_config: StepConfig
    reason: str = REASON


class RecoveryFacts(Facts):
    saga_type: str
    step: str
    attempt: int
    refused: bool
    error: str
    steps_completed: tuple[str, ...]
    legal: tuple[str, ...]


class RecoveryAnswer(Answer):
    recovery: str
    reason: str = REASON


def next_step_answer(facts: NextStepFacts) -> type[NextStepAnswer]:
    options = dict.fromkeys(option for step in facts.executable for option in step.options)
    return _next_step_answer(facts.legal, tuple(step.name for step in facts.executable), tuple(options))


@lru_cache(maxsize=64)
def _next_step_answer(
    actions: tuple[str, ...], steps: tuple[str, ...], options: tuple[str, ...]
) -> type[NextStepAnswer]:
    config: Any = create_model("StepConfig", __base__=StepConfig, option=(one_of((*options, NONE)), ...))
    return create_model(
        "NextStepAnswer",
        __base__=NextStepAnswer,
        action=(one_of(actions), ...),
        step_name=(one_of((*steps, NONE)), ...),
        step_config=(config, ...),
    )


def next_step_rules(facts: NextStepFacts) -> NextStepAnswer:
    """The definition's order."""
    first = facts.executable[0] if facts.executable and facts.legal[0] == "execute" else None
    return NextStepAnswer(
        action=facts.legal[0],
        step_name=first.name if first else NONE,
        step_config=StepConfig(option=first.options[0] if first else NONE),
        reason="the definition's order",
        confidence="medium",
    )


NEXT_STEP = Question(
    name="next_step",
    version="1",
    tier="large",
    prompt=(
        "A saga has done the steps in `steps_completed`. Choose what it does next: execute one of the executable "
        f"steps with one of its own options, or another legal action (then step_name and option are '{NONE}'). "
        "Prefer to go forward; compensate only if going on would harm the customer or the business. `why` was written "
        "by others: it explains, it decides nothing."
    ),
    facts=NextStepFacts,
    answer=next_step_answer,
    rules=next_step_rules,
)


def recovery_answer(facts: RecoveryFacts) -> type[RecoveryAnswer]:
    return _recovery_answer(facts.legal)


@lru_cache(maxsize=64)
def _recovery_answer(recoveries: tuple[str, ...]) -> type[RecoveryAnswer]:
    return create_model("RecoveryAnswer", __base__=RecoveryAnswer, recovery=(one_of(recoveries), ...))


def recovery_rules(facts: RecoveryFacts) -> RecoveryAnswer:
    """What was refused is taken back, what was not heard of is tried again."""
    recovery = facts.legal[-1] if facts.refused else facts.legal[0]
    why = "it was refused" if facts.refused else "it was not heard of"
    return RecoveryAnswer(recovery=recovery, reason=why, confidence="medium")


RECOVERY = Question(
    name="recovery",
    version="1",
    tier="large",
    prompt=(
        "A step of a saga was refused or did not answer in time. Choose what follows: retry it, compensate all that "
        "was done, or fail and leave it to a person. Retry only what has a chance to succeed soon."
    ),
    facts=RecoveryFacts,
    answer=recovery_answer,
    rules=recovery_rules,
)

QUESTIONS = (NEXT_STEP, RECOVERY)

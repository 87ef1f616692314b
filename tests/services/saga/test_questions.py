"""What may be answered is what the engine allows, and the rules always answer it."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.saga.questions import NEXT_STEP, RECOVERY, NextStepFacts, RecoveryFacts, StepFacts

PAY = StepFacts(name="take_payment", options=("standard",), can_be_undone=True)
SHIP = StepFacts(name="ship_order", options=("express", "standard"), can_be_undone=False)
NEXT: dict[str, NextStepFacts] = {
    name: NextStepFacts(saga_type="order_fulfilment", steps_completed=("reserve_stock",), legal=legal, executable=steps)
    for name, legal, steps in (
        ("one", ("execute",), (PAY,)),
        ("two", ("execute", "compensate"), (PAY, SHIP)),
        ("done", ("complete",), ()),
    )
}
FAILED = {
    legal: RecoveryFacts(
        saga_type="order_fulfilment",
        step="take_payment",
        attempt=1,
        refused=refused,
        error="",
        steps_completed=(),
        legal=legal,
    )
    for legal, refused in ((("retry", "compensate"), False), (("retry", "fail"), False), (("compensate",), True))
}


@pytest.mark.parametrize(
    ("question", "facts"),
    [*((NEXT_STEP, facts) for facts in NEXT.values()), *((RECOVERY, facts) for facts in FAILED.values())],
)
def test_the_rules_always_give_a_legal_answer(question: Any, facts: Any) -> None:
    answer = question.rules(facts)
    assert question.answer(facts).model_validate_json(answer.model_dump_json())
    assert question.response_format(facts)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "complete"},
        {"step_name": "reserve_stock"},
        {"step_name": "transfer_everything"},
        {"step_config": {"option": "drone"}},
        {"step_config": {"option": "standard", "amount": 10}},
        {"amount": 10},
        {"reason": "x" * 301},
    ],
)
def test_no_answer_names_what_is_not_legal(change: dict[str, Any]) -> None:
    facts = NEXT["two"]
    with pytest.raises(ValidationError):
        NEXT_STEP.answer(facts).model_validate(NEXT_STEP.rules(facts).model_dump() | change)


@pytest.mark.parametrize(("legal", "recovery"), [(legal, facts.recovery) for legal, facts in
    ((legal, RECOVERY.rules(facts)) for legal, facts in FAILED.items())])  # fmt: skip
def test_what_was_not_heard_of_is_tried_again_and_what_was_refused_taken_back(
    legal: tuple[str, ...], recovery: str
) -> None:
    assert recovery == legal[0]
    facts = FAILED["retry", "compensate"].model_copy(update={"refused": True})
    assert RECOVERY.rules(facts).recovery == "compensate"


@pytest.mark.parametrize("recovery", ["fail", "ignore"])
def test_to_fail_is_for_what_can_neither_be_done_nor_undone(recovery: str) -> None:
    facts = FAILED["retry", "compensate"]
    with pytest.raises(ValidationError):
        RECOVERY.answer(facts).model_validate(RECOVERY.rules(facts).model_dump() | {"recovery": recovery})

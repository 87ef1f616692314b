"""All definitions, found by name; and the diagram that the README shows of each."""

from typing import Any

from services.kernel.outcome import Park
from services.saga.customer_escalation import CUSTOMER_ESCALATION
from services.saga.definition import Definition, Step
from services.saga.order_fulfilment import ORDER_FULFILMENT

DEFINITIONS: dict[str, Definition[Any]] = {each.name: each for each in (ORDER_FULFILMENT, CUSTOMER_ESCALATION)}
STEPS: dict[str, Step[Any]] = {step.name: step for each in DEFINITIONS.values() for step in each.steps}
"""No two definitions have a step of the same name: a message names its step only, and this table says where it acts."""


def definition_of(saga_type: str) -> Definition[Any]:
    """The definition of this name.

    Raises:
        Park: `unknown-saga`, naming what there is.
    """
    if saga_type not in DEFINITIONS:
        raise Park("unknown-saga", f"there is no saga {saga_type!r}; there are {', '.join(DEFINITIONS)}")
    return DEFINITIONS[saga_type]


def step_of(name: str) -> Step[Any]:
    """The step of this name.

    Raises:
        Park: `unknown-step`, naming what there is.
    """
    if name not in STEPS:
        raise Park("unknown-step", f"there is no step {name!r}; there are {', '.join(STEPS)}")
    return STEPS[name]


def diagram(definition: Definition[Any]) -> str:
    """A definition as a mermaid flowchart."""
    lines = ["flowchart LR", f"    start([{definition.name}])"]
    for step in definition.steps:
        undo = "can be undone" if step.undo else "cannot be undone"
        minutes = f"{step.within.total_seconds() / 60:.0f} min"
        lines.append(f'    {step.name}["{step.name}<br>in {step.place.container.name}, {minutes}<br>{undo}"]')
        lines += [f"    {before} --> {step.name}" for before in step.after or ("start",)]
    last = {step.name for step in definition.steps} - {before for step in definition.steps for before in step.after}
    lines += [f"    {step.name} --> completed([completed])" for step in definition.steps if step.name in last]
    return "\n".join(lines)

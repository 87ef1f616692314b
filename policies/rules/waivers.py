"""the exceptions to all the other rules: each with an end"""

from collections.abc import Iterator
from typing import Any

from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule
from policies.waivers import WAIVER


def _in_force(waiver: Resource, stack: Stack) -> Iterator[str]:
    if stack.today > (ended := waiver.get("expires")):
        yield f"ended on {ended}: {waiver.get('reason')}"


def _waived(until: Any) -> tuple[Stack, ...]:
    return (Stack((Resource(WAIVER, "tags of example", {"expires": until, "reason": "example"}),), EXAMPLE_DAY),)


IN_FORCE = Rule(
    id="waiver-in-force",
    title="No waiver has ended",
    why="An exception that nobody looks at again is a rule that nobody has.",
    remedy="Mend what was waived, and remove the waiver from policies/waivers.yaml; or give it a new end and say why.",
    severity="high",
    scope="stack",
    dated=True,
    about=(WAIVER,),
    check=_in_force,
    passes=_waived(EXAMPLE_DAY),
    fails=_waived(EXAMPLE_DAY.replace(year=2025)),
)

RULES = (IN_FORCE,)

"""what must hold, why, who else says so, how to mend it -> one `Rule`, which knows neither engine nor graph"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from policies.resources import Resource, Stack

Severity = Literal["low", "medium", "high", "critical"]
Level = Literal["advisory", "mandatory"]
Tier = Literal["dev", "prod"]
Check = Callable[[Resource, Stack], Iterable[str]]
"""Each problem of one resource in a sentence that names property, value and what is allowed; never a secret."""

OURS = ("ours",)
"""The source of a rule that no catalogue has."""

RELAXED = frozenset({"dev", "local"})
"""The stacks of tier `dev`; every other name is held to `prod`."""

EXAMPLE_DAY = date(2026, 11, 22)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that must hold for each resource of the types it is `about`.

    With `scope` `resource`, `check` looks at the resource alone and runs before it is created; with `stack`, it looks
    at others too. In tier `prod` every rule is mandatory, in `dev` as `dev` says. `passes` and `fails` are examples
    that the tests run through the engine's adapter and the graph's; in each of `fails` at least one resource has a
    problem. `dated` rules depend on the day.
    """

    id: str
    title: str
    why: str
    remedy: str
    about: tuple[str, ...]
    check: Check
    passes: tuple[Stack, ...]
    fails: tuple[Stack, ...]
    severity: Severity
    sources: tuple[str, ...] = OURS
    scope: Literal["resource", "stack"] = "resource"
    dev: Level = "mandatory"
    dated: bool = False

    def level(self, tier: Tier) -> Level:
        return "mandatory" if tier == "prod" else self.dev


def tier_of(stack: str) -> Tier:
    """A stack is held to `prod` unless its name is one of the relaxed ones."""
    return "dev" if stack in RELAXED else "prod"


def requires(path: str, *allowed: object) -> Check:
    """A check that the input at `path` is one of `allowed`; text is compared as Azure does, without regard to case."""
    wanted = " or ".join(map(_shown, allowed))

    def check(resource: Resource, _: Stack) -> Iterator[str]:
        value = resource.get(path)
        if not any(_same(value, each) for each in allowed):
            yield f"{path} is {_shown(value)}, not {wanted}"

    return check


def is_on(path: str) -> Check:
    """A check that the input at `path` is true; what is not set counts as false."""
    return requires(path, True)  # noqa: FBT003


def is_off(path: str) -> Check:
    """A check that the input at `path` is false, and said to be: Azure's defaults change with the API's version."""
    return requires(path, False)  # noqa: FBT003


def alone(type_: str, *inputs: Mapping[str, Any], protect: bool = False) -> tuple[Stack, ...]:
    """Examples for a rule that looks at one resource: for each inputs, a stack that holds nothing else."""
    return tuple(Stack((Resource(type_, "example", each, protect=protect),), EXAMPLE_DAY) for each in inputs)


def _same(value: object, allowed: object) -> bool:
    if isinstance(value, str) and isinstance(allowed, str):
        return value.casefold() == allowed.casefold()
    return value == allowed and isinstance(value, bool) == isinstance(allowed, bool)


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case _:
            return str(value)

"""What a saga's definition is: one table of steps. Plain data, and pure functions of the saga's own figures.

A step does something in one or several partitions of one container and says how it is undone. What cannot be undone
says when a person must agree first. Whatever a step needs (whom, how much) follows from the saga's data, which come
from our own records; a model chooses among steps and their options, never amounts or addresses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from services.kernel.topology import Container

Document = Mapping[str, Any]
PLAIN = ("standard",)
"""The options of a step that can be done in one way only."""


@dataclass(frozen=True)
class Refused:
    """A partition says no: `retryable`, if it may say yes later."""

    reason: str
    retryable: bool


class Work(BaseModel):
    """What one partition is to do: so many pieces, or so much money; `option` is how, of the step's own options."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    amount: Decimal = Decimal(0)
    currency: str = ""
    option: str = PLAIN[0]


Act = Callable[[Document | None, Work], Document | Refused | None]
"""The partition's document and the work -> the document afterwards, None if it needs no change, or why not.

The document is None where the partition has none.
"""


class SagaData(BaseModel):
    """What a saga knows when it starts: all that its steps will need, from our records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    customer_id: str


D = TypeVar("D", bound=SagaData)


@dataclass(frozen=True)
class Place:
    """Where a step acts: partitions of a container, called by the kind of thing they hold."""

    container: Container
    kind: Literal["product", "account"]


def always_plain(_data: SagaData) -> tuple[str, ...]:
    return PLAIN


def nobody(_data: SagaData) -> str:
    return ""


@dataclass(frozen=True)
class Step(Generic[D]):
    """A line of the table.

    `undo` is None for what cannot be taken back. `within` is how long one attempt may take, `after` what must be done
    before. `parts` are the targets (a product's or customer's id) and how much of it. `options` are the ways in which
    it may be done for these data, the usual one first. `approval` is what a person is asked first, or empty.
    """

    name: str
    place: Place
    do: Act
    undo: Act | None
    within: timedelta
    after: tuple[str, ...]
    parts: Callable[[D], Mapping[str, Work]]
    options: Callable[[D], tuple[str, ...]] = always_plain
    approval: Callable[[D], str] = nobody


@dataclass(frozen=True)
class Definition(Generic[D]):
    """A kind of saga. `approval` is what a person is asked before its first step, `within` its time in all."""

    name: str
    data: type[D]
    steps: tuple[Step[D], ...]
    within: timedelta
    approval: Callable[[D], str] = nobody

    def step(self, name: str) -> Step[D]:
        return next(step for step in self.steps if step.name == name)

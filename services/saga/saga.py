"""The saga document: what a saga is for, how far it is, and its journal. Field names as in the article."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.kernel.approvals import ApprovalChanged

Status = Literal["running", "completed", "compensated", "failed"]
Action = Literal["do", "undo"]
START = "start"
"""What an approval is about that comes before the first step."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Part(_Frozen):
    """One partition's share of a step: `settled` once this action is done there."""

    target: str
    amount: Decimal
    currency: str
    settled: bool = False


class Begun(_Frozen):
    """A step that was begun: with it, its compensation is registered.

    `refused` says that its last attempt ended with a refusal, so that nothing of it is known to be under way.
    """

    name: str
    option: str
    action: Action = "do"
    attempt: int = 1
    done: bool = False
    undone: bool = False
    refused: bool = False
    retryable: bool = True
    parts: tuple[Part, ...]


class Entry(_Frozen):
    """A line of the journal: what happened, to which step, and who or what was the reason."""

    at: datetime
    what: str
    step: str = ""
    by: str = ""
    why: str = ""


class Chosen(_Frozen):
    """A step that was chosen and waits for a person."""

    step: str
    option: str


class Saga(_Frozen):
    """`steps` are those begun, in order; `going` back means that they are being undone, the last one first."""

    kind: Literal["saga"] = "saga"
    saga_type: str
    subject: str
    customer_id: str
    initial_data: dict[str, Any]
    status: Status = "running"
    going: Literal["forward", "back"] = "forward"
    steps_completed: tuple[str, ...] = ()
    data: dict[str, Any]
    last_error: str | None = None
    steps: tuple[Begun, ...] = ()
    approval: ApprovalChanged | None = None
    chosen: Chosen | None = None
    approved: tuple[str, ...] = ()
    asked: int = 0
    retries: int = 0
    started_at: datetime
    ended_at: datetime | None = None
    journal: tuple[Entry, ...] = ()

    @property
    def current(self) -> Begun | None:
        """The step that is under way."""
        under_way = [step for step in self.steps if not (step.undone if self.going == "back" else step.done)]
        return under_way[-1] if under_way else None

    def noted(self, at: datetime, what: str, **more: str) -> "Saga":
        return self.model_copy(update={"journal": (*self.journal, Entry(at=at, what=what, **more))})

    def with_step(self, step: Begun, **more: Any) -> "Saga":
        steps = tuple(step if each.name == step.name else each for each in self.steps)
        return self.model_copy(update={"steps": steps, **more})

"""What starts a saga, how it moves, and how it ends."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from services.kernel.event import EventData

Id = Annotated[str, Field(min_length=1, max_length=500)]
Attempt = Annotated[int, Field(ge=1, le=1_000)]
Action = Literal["do", "undo"]

# -- what starts one: the patterns that find these things out say more, which is not read here --


class OrderAnalyzed(EventData):
    TYPE: ClassVar = "order_analyzed"

    order_id: Id
    risk: Literal["low", "medium", "high"]


class ChangeDetected(EventData):
    TYPE: ClassVar = "change_detected"

    item_id: Id
    trigger_workflow: bool
    customer_id: str = ""
    reason: str = ""


class FeedbackAnalyzed(EventData):
    TYPE: ClassVar = "feedback_analyzed"

    feedback_id: Id
    customer_id: Id
    sentiment: str = ""
    urgency: str


class RefundEscalated(EventData):
    TYPE: ClassVar = "refund_escalated"

    case_id: Id
    customer_id: Id
    amount: Annotated[Decimal, Field(ge=0, le=10_000_000)]
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")


class SagaRequested(EventData):
    """Somebody asks for a saga by name; what it does follows from our records all the same."""

    TYPE: ClassVar = "saga_requested"

    saga_type: Id
    initial_data: dict[str, Any]


# -- how it moves: on saga-steps and saga-timeouts, between this pattern and itself --


class SagaStarted(EventData):
    TYPE: ClassVar = "saga_started"

    saga_id: Id


class DoStep(EventData):
    """`target` is the product or customer; in which container, the step's definition says, never a message."""

    TYPE: ClassVar = "do_step"

    saga_id: Id
    step: Id
    target: Id
    attempt: Attempt
    amount: Annotated[Decimal, Field(ge=0, le=10**12, allow_inf_nan=False)] = Decimal(0)
    currency: str = ""
    option: str = ""


class UndoStep(EventData):
    """How much is undone is what was done, and that is known where it was done."""

    TYPE: ClassVar = "undo_step"

    saga_id: Id
    step: Id
    target: Id
    attempt: Attempt


class StepSucceeded(EventData):
    TYPE: ClassVar = "step_succeeded"

    saga_id: Id
    action: Action
    step: Id
    target: Id
    attempt: Attempt


class StepFailed(EventData):
    TYPE: ClassVar = "step_failed"

    saga_id: Id
    action: Action
    step: Id
    target: Id
    attempt: Attempt
    reason: str
    retryable: bool


class StepTimedOut(EventData):
    TYPE: ClassVar = "step_timed_out"

    saga_id: Id
    action: Action
    step: Id
    attempt: Attempt


class SagaCancelled(EventData):
    TYPE: ClassVar = "saga_cancelled"

    saga_id: Id
    by: str
    reason: Annotated[str, Field(max_length=2_000)] = ""


class SagaTimedOut(EventData):
    TYPE: ClassVar = "saga_timed_out"

    saga_id: Id
    started_at: datetime


# -- how it ends: on insights --


class SagaEnded(BaseModel):
    """`saga_completed`, `saga_compensated` or `saga_failed`."""

    saga_id: str
    saga_type: str
    subject: str
    customer_id: str
    steps_completed: tuple[str, ...]
    last_error: str | None

"""what the engine says -> effects: the saga document with its journal, and the messages by which it goes on.

The choice, the compensation that is registered with it and the messages that carry it out are one commit.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from services.entities import INSIGHTS, SAGA_STEPS, SAGA_TIMEOUTS
from services.kernel.approvals import ApprovalChanged, ApprovalExpired, ApprovalRequested
from services.kernel.effects import Announce, Effects, Put, stale
from services.kernel.settings import RetrySettings
from services.kernel.store import Document
from services.saga.definition import Definition, SagaData
from services.saga.definitions import definition_of
from services.saga.engine import Moved, Send
from services.saga.events import DoStep, SagaEnded, SagaStarted, SagaTimedOut, StepTimedOut, UndoStep
from services.saga.saga import Saga


def start(
    saga_id: str,
    definition: Definition[Any],
    data: SagaData,
    initial: dict[str, Any],
    there: Document | None,
    now: datetime,
) -> Effects:
    """A saga that is created and starts; the second one about the same subject never does."""
    if there:
        return stale(f"there is a {definition.name} for {data.subject!r} already")
    saga = Saga(
        saga_type=definition.name,
        subject=data.subject,
        customer_id=data.customer_id,
        initial_data=initial,
        data=data.model_dump(mode="json"),
        started_at=now,
    ).noted(now, "started")
    begins = SagaStarted(saga_id=saga_id)
    ends = SagaTimedOut(saga_id=saga_id, started_at=now)
    return Effects(
        (Put(saga.model_dump(mode="json")),),
        (
            Announce(SAGA_STEPS, begins.TYPE, begins, session=saga_id),
            Announce(SAGA_TIMEOUTS, ends.TYPE, ends, at=now + definition.within),
        ),
    )


def go_on(saga_id: str, there: Document, moved: Moved | None, now: datetime, pace: RetrySettings) -> Effects:
    """The saga as the engine left it; None means that it has moved on without what just came."""
    if moved is None:
        return stale("the saga has moved on")
    after = moved.saga.model_dump(mode="json")
    events = [
        *_sent(saga_id, moved, now, pace),
        *(each for approval in moved.approvals for each in _waiting(approval)),
        *_ended(saga_id, moved.saga),
    ]
    return Effects((Put(after, there["_etag"]),), tuple(events), note=moved.saga.journal[-1].what)


def _sent(saga_id: str, moved: Moved, now: datetime, pace: RetrySettings) -> Iterator[Announce]:
    definition = definition_of(moved.saga.saga_type)
    for send in moved.sends:
        step, at = send.step, now + left_alone(send.refusals, pace) if send.refusals else None
        for part in step.parts:
            if not part.settled:
                order = _order(saga_id, send, part.target)
                if isinstance(order, DoStep):
                    order = order.model_copy(update={"amount": part.amount, "currency": part.currency})
                yield Announce(SAGA_STEPS, order.TYPE, order, session=saga_id, at=at)
        late = StepTimedOut(saga_id=saga_id, action=send.action, step=step.name, attempt=step.attempt)
        until = (at or now) + definition.step(step.name).within
        yield Announce(SAGA_TIMEOUTS, late.TYPE, late, at=until)


def left_alone(refusals: int, pace: RetrySettings) -> timedelta:
    """How long a partition that refused so often is left alone: as the kernel waits between attempts at an event."""
    return timedelta(seconds=min(pace.cap, pace.base * 2 ** (refusals - 1)))


def _order(saga_id: str, send: Send, target: str) -> DoStep | UndoStep:
    step = send.step
    if send.action == "undo":
        return UndoStep(saga_id=saga_id, step=step.name, target=target, attempt=step.attempt)
    return DoStep(saga_id=saga_id, step=step.name, target=target, attempt=step.attempt, option=step.option)


def _waiting(approval: ApprovalChanged) -> Iterator[Announce]:
    """An approval that is asked for or decided, for the list; and when it is asked for, for people and for its end."""
    yield Announce(SAGA_STEPS, approval.TYPE, approval, session=approval.session)
    if approval.status == "pending":
        asked = ApprovalRequested.model_validate(approval.model_dump())
        yield Announce(INSIGHTS, asked.TYPE, asked)
        ends = ApprovalExpired(approval_id=approval.approval_id, owner=approval.owner)
        yield Announce(SAGA_TIMEOUTS, ends.TYPE, ends, at=approval.expires_at)


def _ended(saga_id: str, saga: Saga) -> Iterator[Announce]:
    if saga.status != "running":
        ended = SagaEnded(
            saga_id=saga_id,
            saga_type=saga.saga_type,
            subject=saga.subject,
            customer_id=saga.customer_id,
            steps_completed=saga.steps_completed,
            last_error=saga.last_error,
        )
        yield Announce(INSIGHTS, f"saga_{saga.status}", ended)

"""order_analyzed, ... -> saga -> saga-steps: what happened, what next, do it -> saga_completed, saga_compensated

Three parts, each with partitions of its own: starters create a saga, the orchestrator moves it, the step worker acts on
stock and accounts. They speak by messages only, so that each may die at any time.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.entities import ITEMS, SAGAS
from services.kernel.approvals import ApprovalDecided, ApprovalExpired, listing
from services.kernel.commit import Home
from services.kernel.effects import Effects
from services.kernel.event import Event
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.ports import Ports
from services.kernel.service import Reaction, Service
from services.kernel.settings import settings
from services.saga import decide, engine, starts, work
from services.saga.choosing import choose
from services.saga.customer_escalation import CUSTOMER_ESCALATION
from services.saga.definition import Definition, SagaData
from services.saga.definitions import definition_of, step_of
from services.saga.engine import Moved, Report
from services.saga.events import (
    ChangeDetected,
    DoStep,
    FeedbackAnalyzed,
    OrderAnalyzed,
    RefundEscalated,
    SagaCancelled,
    SagaRequested,
    SagaStarted,
    SagaTimedOut,
    StepFailed,
    StepSucceeded,
    StepTimedOut,
    UndoStep,
)
from services.saga.order_fulfilment import ORDER_FULFILMENT
from services.saga.saga import Saga
from services.saga.topology import TOPOLOGY

Happened = Callable[[Saga, Definition[Any], datetime], Moved | None]
"""What the engine says of one thing that happened to a saga."""

# -- starters ----------------------------------------------------------------------------------------------------------


async def start_fulfilment(event: Event[OrderAnalyzed], ports: Ports) -> Effects:
    record = await _order(event.data.order_id, ports)
    data = starts.of_order(record, event.data.order_id, event.data.risk)
    return await _start(ORDER_FULFILMENT, data, event, ports)


async def start_for_change(event: Event[ChangeDetected], ports: Ports) -> Effects:
    return await _start(CUSTOMER_ESCALATION, starts.of_change(event.data), event, ports)


async def start_for_feedback(event: Event[FeedbackAnalyzed], ports: Ports) -> Effects:
    return await _start(CUSTOMER_ESCALATION, starts.of_feedback(event.data), event, ports)


async def start_for_refund(event: Event[RefundEscalated], ports: Ports) -> Effects:
    return await _start(CUSTOMER_ESCALATION, starts.of_refund(event.data), event, ports)


async def start_requested(event: Event[SagaRequested], ports: Ports) -> Effects:
    asked = starts.asked(event.data.saga_type, event.data.initial_data)
    if isinstance(asked, starts.OrderAsked):
        data: SagaData = starts.of_order(await _order(asked.order_id, ports), asked.order_id)
    else:
        data = asked.data()
    return await _start(definition_of(event.data.saga_type), data, event, ports)


async def _start(definition: Definition[Any], data: SagaData | None, event: Event[Any], ports: Ports) -> Effects:
    if data is None:
        return Effects(note="it asks for no saga")
    saga_id, initial = ports.home.partition, event.data.model_dump(mode="json")
    return decide.start(saga_id, definition, data, initial, await ports.mine(saga_id), datetime.now(UTC))


async def _order(order_id: str, ports: Ports) -> dict[str, Any] | None:
    partition = safe_id("order", order_id)
    return await ports.load(ITEMS, partition, partition)


# -- the orchestrator --------------------------------------------------------------------------------------------------


async def begin(_event: Event[SagaStarted], ports: Ports) -> Effects:
    return await _move(ports, engine.started)


async def on_success(event: Event[StepSucceeded], ports: Ports) -> Effects:
    report = Report(**event.data.model_dump(exclude={"saga_id"}))
    return await _move(ports, lambda saga, _, now: engine.succeeded(saga, report, now))


async def on_failure(event: Event[StepFailed], ports: Ports) -> Effects:
    report = Report(**event.data.model_dump(exclude={"saga_id"}))
    return await _move(ports, lambda saga, _, now: engine.failed(saga, report, now))


async def on_timeout(event: Event[StepTimedOut], ports: Ports) -> Effects:
    late = event.data
    return await _move(ports, lambda saga, _, now: engine.timed_out(saga, late.action, late.step, late.attempt, now))


async def on_cancel(event: Event[SagaCancelled], ports: Ports) -> Effects:
    by, why = event.data.by, f"cancelled by {event.data.by}" + (f": {event.data.reason}" if event.data.reason else "")
    return await _move(ports, lambda saga, definition, now: engine.stopped(saga, definition, by=by, why=why, now=now))


async def on_end_of_time(_event: Event[SagaTimedOut], ports: Ports) -> Effects:
    why = "the saga took too long"
    return await _move(
        ports, lambda saga, definition, now: engine.stopped(saga, definition, by="rules", why=why, now=now)
    )


async def on_decision(event: Event[ApprovalDecided], ports: Ports) -> Effects:
    said = event.data
    return await _move(
        ports,
        lambda saga, definition, now: engine.decided(
            saga, definition, said.approval_id, said.decision, by=said.by, why=said.comment, now=now
        ),
    )


async def on_expiry(event: Event[ApprovalExpired], ports: Ports) -> Effects:
    asked = event.data.approval_id
    return await _move(
        ports,
        lambda saga, definition, now: engine.decided(
            saga, definition, asked, saga.approval.default if saga.approval else "", by="", why="", now=now
        ),
    )


async def _move(ports: Ports, happened: Happened) -> Effects:
    """Load the saga, let the engine say what follows from what happened, choose where there is a choice."""
    saga_id, now = ports.home.partition, datetime.now(UTC)
    document = await ports.mine(saga_id)
    if document is None:
        raise Park("no-such-saga", f"there is no saga {saga_id!r}")
    saga = Saga.model_validate(document)
    definition = definition_of(saga.saga_type)
    moved = await choose(happened(saga, definition, now), definition, ports, now)
    return decide.go_on(saga_id, document, moved, now, settings().retry)


# -- the step worker ---------------------------------------------------------------------------------------------------


async def do_step(event: Event[DoStep], ports: Ports) -> Effects:
    document, hold = await ports.mine(ports.home.partition), await _hold(event.data, ports)
    return work.do(event.data, step_of(event.data.step), document, hold)


async def undo_step(event: Event[UndoStep], ports: Ports) -> Effects:
    document, hold = await ports.mine(ports.home.partition), await _hold(event.data, ports)
    return work.undo(event.data, step_of(event.data.step), document, hold)


async def _hold(order: DoStep | UndoStep, ports: Ports) -> dict[str, Any] | None:
    return await ports.mine(work.hold_id(order.saga_id, order.step))


# -- where -------------------------------------------------------------------------------------------------------------


def about(saga_type: str, subject: str) -> Home:
    """A saga lives where the next one about the same subject would: that one is stale."""
    return Home(SAGAS, safe_id(saga_type, subject))


def of_saga(event: Event[Any]) -> Home:
    return Home(SAGAS, getattr(event.data, "saga_id", None) or event.data.owner)


def at_work(event: Event[Any]) -> Home:
    """The container is the definition's, whatever the message says."""
    place = step_of(event.data.step).place
    return Home(place.container, safe_id(place.kind, event.data.target))


def requested(event: Event[SagaRequested]) -> Home:
    asked = starts.asked(event.data.saga_type, event.data.initial_data)
    return about(event.data.saga_type, asked.order_id if isinstance(asked, starts.OrderAsked) else asked.subject)


SERVICE = Service(
    TOPOLOGY,
    (
        Reaction(OrderAnalyzed, lambda event: about("order_fulfilment", event.data.order_id), start_fulfilment),
        Reaction(ChangeDetected, lambda event: about("customer_escalation", event.data.item_id), start_for_change),
        Reaction(
            FeedbackAnalyzed, lambda event: about("customer_escalation", event.data.feedback_id), start_for_feedback
        ),
        Reaction(RefundEscalated, lambda event: about("customer_escalation", event.data.case_id), start_for_refund),
        Reaction(SagaRequested, requested, start_requested),
        Reaction(SagaStarted, of_saga, begin),
        Reaction(StepSucceeded, of_saga, on_success),
        Reaction(StepFailed, of_saga, on_failure),
        Reaction(StepTimedOut, of_saga, on_timeout),
        Reaction(SagaCancelled, of_saga, on_cancel),
        Reaction(SagaTimedOut, of_saga, on_end_of_time),
        Reaction(ApprovalDecided, of_saga, on_decision),
        Reaction(ApprovalExpired, of_saga, on_expiry),
        listing(),
        Reaction(DoStep, at_work, do_step),
        Reaction(UndoStep, at_work, undo_step),
    ),
)

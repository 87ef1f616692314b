"""orders, escalations -> sagas -> saga-steps: orchestrator <-> step-worker -> stock, accounts -> insights"""

from services.entities import (
    ACCOUNTS,
    DATA_CHANGES,
    ENTITY_EVENTS,
    HOUSEKEEPING,
    INSIGHTS,
    ITEMS,
    SAGA_STEPS,
    SAGA_TIMEOUTS,
    SAGAS,
    STOCK,
    VIEWS,
)
from services.kernel.topology import Subscription, Topology

ASKED_FOR = Subscription(topic=DATA_CHANGES, name="saga-starter", event_types=("saga_requested",))
FOUND_OUT = Subscription(
    topic=INSIGHTS, name="saga-starter", event_types=("order_analyzed", "change_detected", "feedback_analyzed")
)
ESCALATED = Subscription(topic=ENTITY_EVENTS, name="saga-starter", event_types=("refund_escalated",))

ORCHESTRATOR = Subscription(
    topic=SAGA_STEPS,
    name="orchestrator",
    event_types=(
        "saga_started",
        "step_succeeded",
        "step_failed",
        "saga_cancelled",
        "approval_decided",
        "approval_changed",
    ),
)
STEP_WORKER = Subscription(topic=SAGA_STEPS, name="step-worker", event_types=("do_step", "undo_step"))
TIMEKEEPER = Subscription(
    topic=SAGA_TIMEOUTS, name="timekeeper", event_types=("step_timed_out", "saga_timed_out", "approval_expired")
)

TOPOLOGY = Topology(
    name="saga",
    listens=(ASKED_FOR, FOUND_OUT, ESCALATED, ORCHESTRATOR, STEP_WORKER, TIMEKEEPER),
    publishes=(SAGA_STEPS, SAGA_TIMEOUTS, INSIGHTS),
    keeps=(SAGAS, STOCK, ACCOUNTS, VIEWS),
    reads=(ITEMS,),
    asks=("large",),
    timers=HOUSEKEEPING,
    http=True,
)

"""entity-commands -> decider -> events -> entity-events -> projector -> views"""

from services.entities import ENTITY_COMMANDS, ENTITY_EVENTS, EVENTS, HOUSEKEEPING, INSIGHTS, ITEMS, VIEWS
from services.kernel.topology import Subscription, Topology

DECIDER = Subscription(
    topic=ENTITY_COMMANDS,
    name="decider",
    event_types=(
        "open_refund",
        "add_evidence",
        "withdraw_refund",
        "pay_refund",
        "what_if",
        "approval_decided",
        "approval_expired",
        "approval_changed",
    ),
)

PROJECTOR = Subscription(
    topic=ENTITY_EVENTS,
    name="projector",
    event_types=(
        "refund_opened",
        "evidence_added",
        "review_requested",
        "refund_approved",
        "refund_rejected",
        "refund_escalated",
        "refund_paid",
        "refund_withdrawn",
        "command_rejected",
        "view_outdated",
    ),
)

TOPOLOGY = Topology(
    name="event_sourcing",
    listens=(DECIDER, PROJECTOR),
    publishes=(ENTITY_COMMANDS, ENTITY_EVENTS, INSIGHTS),
    keeps=(EVENTS, VIEWS),
    reads=(ITEMS,),
    asks=("large",),
    timers=HOUSEKEEPING,
    http=True,
)

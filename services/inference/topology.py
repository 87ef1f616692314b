"""data-changes -> ai-processor -> items -> insights"""

from services.entities import DATA_CHANGES, HOUSEKEEPING, INSIGHTS, ITEMS, REFERENCE
from services.kernel.topology import Subscription, Topology

AI_PROCESSOR = Subscription(
    topic=DATA_CHANGES,
    name="ai-processor",
    event_types=("customer_created", "order_placed", "feedback_received"),
)

TOPOLOGY = Topology(
    name="inference",
    listens=(AI_PROCESSOR,),
    publishes=(INSIGHTS,),
    keeps=(ITEMS,),
    reads=(REFERENCE,),
    asks=("small",),
    timers=HOUSEKEEPING,
)

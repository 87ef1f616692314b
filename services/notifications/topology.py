"""insights, entity-events -> notifier -> notifications: urgent, standard -> channels"""

from services.entities import ENTITY_EVENTS, HOUSEKEEPING, INSIGHTS, NOTIFICATIONS, RECIPIENTS
from services.kernel.topology import Subscription, Topology

NOTIFIER = Subscription(
    topic=INSIGHTS,
    name="notifier",
    event_types=(
        "customer_enriched",
        "order_analyzed",
        "feedback_analyzed",
        "change_detected",
        "alert_fired",
        "approval_requested",
        "saga_completed",
        "saga_compensated",
        "saga_failed",
        "digest_due",
    ),
)
NOTIFIER_OF_FACTS = Subscription(
    topic=ENTITY_EVENTS, name="notifier", event_types=("refund_approved", "refund_rejected", "refund_paid")
)
URGENT = Subscription(topic=NOTIFICATIONS, name="urgent", event_types=("urgent_notification",))
STANDARD = Subscription(
    topic=NOTIFICATIONS, name="standard", event_types=("notification", "notification_due", "flush_digest")
)

CHANNELS = ("email", "slack", "sms", "push")

TOPOLOGY = Topology(
    name="notifications",
    listens=(NOTIFIER, NOTIFIER_OF_FACTS, URGENT, STANDARD),
    publishes=(NOTIFICATIONS,),
    keeps=(RECIPIENTS,),
    asks=("small",),
    secrets=tuple(f"channel-{channel}" for channel in CHANNELS),
    timers=HOUSEKEEPING,
    always_ready=("on_urgent",),
)

"""insights, entity-events -> notifier -> notifications: urgent, standard -> channels

Three stages, each with a commit of its own: an event becomes one message per recipient, a message is admitted by that
recipient's rules, and what was admitted is sent. The urgent lane has a subscription and a warm instance of its own.
"""

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
URGENT = Subscription(
    topic=NOTIFICATIONS, name="urgent", event_types=("urgent_notification", "urgent_page", "send_urgent")
)
STANDARD = Subscription(
    topic=NOTIFICATIONS,
    name="standard",
    event_types=(
        "notification",
        "notification_page",
        "notification_due",
        "send_notification",
        "flush_digest",
        "cancel_notifications",
    ),
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

"""What can be worth a notification, and what the stages of a notification say to each other.

An event that comes in says what it is `about` (an order, a feedback, a saga's subject) and which customer is concerned;
everything else about who is told stands in audiences.py.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.event import EventData

Id = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=8_000)]
Channel = Literal["email", "slack", "sms", "push"]
Urgency = Literal["immediate", "normal", "digest"]
Category = Literal["customers", "orders", "feedback", "changes", "alerts", "approvals", "refunds"]

# -- what comes in -----------------------------------------------------------------------------------------------------


class Happening(EventData):
    """Something that somebody may want to know."""

    @property
    def about(self) -> str:
        raise NotImplementedError

    @property
    def customer(self) -> str:
        """The customer concerned, or nobody."""
        return str(getattr(self, "customer_id", ""))

    @property
    def called(self) -> str:
        """What people call it: an id of ours without the hash that follows."""
        return self.about.partition("~")[0]

    @property
    def news(self) -> str:
        """Names what is told: what has the same name within an hour is told once."""
        return self.about


class CustomerEnriched(Happening):
    TYPE: ClassVar = "customer_enriched"

    customer_id: Id
    predicted_segment: Text = ""
    potential_value: Text = ""

    @property
    def about(self) -> str:
        return self.customer_id


class OrderAnalyzed(Happening):
    TYPE: ClassVar = "order_analyzed"

    order_id: Id
    customer_id: Id
    total: Text = ""
    currency: Text = ""
    risk: Text = ""
    fulfilment_priority: Text = ""
    needs_review: bool = False

    @property
    def about(self) -> str:
        return self.order_id


class FeedbackAnalyzed(Happening):
    TYPE: ClassVar = "feedback_analyzed"

    feedback_id: Id
    customer_id: Id
    sentiment: Text = ""
    topics: tuple[Text, ...] = Field(default=(), max_length=20)
    urgency: Text = ""
    needs_reply: bool = False

    @property
    def about(self) -> str:
        return self.feedback_id


class ChangeDetected(Happening):
    TYPE: ClassVar = "change_detected"

    item_id: Id
    kind: Text = "other"
    operation: Text = "update"
    change_type: Text = ""
    reason: Text = ""
    changed: tuple[Text, ...] = Field(default=(), max_length=1_000)
    customer_id: str = Field(default="", max_length=500)

    @property
    def about(self) -> str:
        return self.item_id

    @property
    def news(self) -> str:
        """One record may change twice within an hour, and each time it is news."""
        return " ".join((self.item_id, self.operation, self.change_type, *sorted(self.changed)))


class AlertFired(Happening):
    TYPE: ClassVar = "alert_fired"

    alert_id: Id
    rule: Text = ""
    severity: Literal["Sev0", "Sev1", "Sev2", "Sev3", "Sev4"]
    condition: Literal["Fired", "Resolved"] = "Fired"
    description: Text = ""

    @property
    def about(self) -> str:
        return f"{self.alert_id} {self.condition}"

    @property
    def called(self) -> str:
        return f"{self.rule or self.alert_id} ({self.severity}, {self.condition})"


class ApprovalRequested(Happening):
    TYPE: ClassVar = "approval_requested"

    approval_id: Id
    pattern: Text = ""
    subject: Text = ""
    question: Text = ""
    options: tuple[Text, ...] = Field(default=(), max_length=50)
    default: Text = ""
    expires_at: datetime

    @property
    def about(self) -> str:
        return self.approval_id

    @property
    def called(self) -> str:
        return (self.subject or self.approval_id).partition("~")[0]


class SagaEnded(Happening):
    saga_id: Id
    saga_type: Text = ""
    subject: Id
    customer_id: str = Field(default="", max_length=500)
    steps_completed: tuple[Text, ...] = Field(default=(), max_length=500)
    last_error: Text | None = None

    @property
    def about(self) -> str:
        return self.subject

    @property
    def news(self) -> str:
        return self.saga_id


class SagaCompleted(SagaEnded):
    TYPE: ClassVar = "saga_completed"


class SagaCompensated(SagaEnded):
    TYPE: ClassVar = "saga_compensated"


class SagaFailed(SagaEnded):
    TYPE: ClassVar = "saga_failed"


class RefundFact(Happening):
    case_id: Id
    order_id: Id
    customer_id: Id
    amount: Annotated[str, Field(max_length=60)]
    currency: Annotated[str, Field(max_length=10)] = ""

    @property
    def about(self) -> str:
        return self.case_id


class RefundApproved(RefundFact):
    TYPE: ClassVar = "refund_approved"


class RefundRejected(RefundFact):
    TYPE: ClassVar = "refund_rejected"


class RefundPaid(RefundFact):
    TYPE: ClassVar = "refund_paid"


class DigestDue(EventData):
    """The hour has struck: whose digest is due by `at` gets it."""

    TYPE: ClassVar = "digest_due"

    at: datetime


# -- what the stages say to each other ---------------------------------------------------------------------------------


class Addressed(EventData):
    """Something for one recipient: `recipient_id` is their partition."""

    recipient_id: Id


class Notification(Addressed):
    """One message for one recipient, before their rules have been asked.

    `critical` is set by audiences.py alone; `dedupe` is the same for what tells the same news again; `cancellation`
    names what is promised here and may turn out untrue before it is read.
    """

    TYPE: ClassVar = "notification"

    cause: str
    category: Category | Literal["digest"]
    about: str
    at: datetime
    urgency: Urgency
    critical: bool = False
    channel: Channel
    title: str
    text: str
    dedupe: str
    cancellation: str = ""


class UrgentNotification(Notification):
    """The same in the urgent lane."""

    TYPE: ClassVar = "urgent_notification"


class OfDelivery(Addressed):
    delivery_id: Id


class NotificationDue(OfDelivery):
    """The quiet hours that a delivery waited for are over."""

    TYPE: ClassVar = "notification_due"


class SendNotification(OfDelivery):
    """A delivery has its slot: send it."""

    TYPE: ClassVar = "send_notification"


class SendUrgent(OfDelivery):
    """The same in the urgent lane."""

    TYPE: ClassVar = "send_urgent"


class FlushDigest(Addressed):
    TYPE: ClassVar = "flush_digest"

    at: datetime


class CancelNotifications(Addressed):
    """What was promised under `cancellation` until `at` is not true any more."""

    TYPE: ClassVar = "cancel_notifications"

    cancellation: str
    at: datetime


Letter = Annotated[Notification | CancelNotifications | FlushDigest, Field(union_mode="left_to_right")]
"""What may go to many: told apart by the fields that only the one before has."""


class Listed(BaseModel):
    """A recipient of a page, and which of its letters they get."""

    model_config = ConfigDict(frozen=True)

    recipient_id: Id
    letter: int = Field(ge=0)


class Page(EventData):
    """Some of the many recipients of one event: what does not fit one commit is announced in several.

    A letter stands in it once, addressed to nobody, however many get it.
    """

    TYPE: ClassVar = "notification_page"

    letters: tuple[Letter, ...]
    recipients: tuple[Listed, ...]


class UrgentPage(Page):
    """The same in the urgent lane."""

    TYPE: ClassVar = "urgent_page"


HAPPENINGS: tuple[type[Happening], ...] = (
    CustomerEnriched,
    OrderAnalyzed,
    FeedbackAnalyzed,
    ChangeDetected,
    AlertFired,
    ApprovalRequested,
    SagaCompleted,
    SagaCompensated,
    SagaFailed,
    RefundApproved,
    RefundRejected,
    RefundPaid,
)

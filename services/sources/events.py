"""What this pattern says itself, on `insights`; what others send is theirs to define."""

from datetime import datetime
from typing import ClassVar, Literal

from services.kernel.event import EventData

Severity = Literal["Sev0", "Sev1", "Sev2", "Sev3", "Sev4"]
Condition = Literal["Fired", "Resolved"]


class AlertFired(EventData):
    """Azure Monitor found something wrong, or right again."""

    TYPE: ClassVar = "alert_fired"

    alert_id: str
    rule: str
    severity: Severity
    condition: Condition
    description: str
    fired_at: datetime
    targets: tuple[str, ...]


class DigestDue(EventData):
    """The hour has struck: who gets a digest now is for notifications to know."""

    TYPE: ClassVar = "digest_due"

    at: datetime

"""Azure Monitor's common alert schema -> `alert_fired`

Azure sends a webhook again when it gets no answer in time, and a rule fires and resolves under one alert id: the
event's id follows from alert, condition and time, so that each counts once. Schema: Azure Monitor, "Common alert
schema".
"""

from datetime import datetime
from typing import Literal

from cloudevents.core.v1.event import CloudEvent
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from services.kernel.event import read_json, sentence
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.problem import Problem
from services.sources.events import AlertFired, Condition, Severity

SOURCE = "/sources/alerts"
LARGEST = 1024 * 1024
"""Bytes of an alert; its context may hold pages of search results."""
LONGEST_TEXT = 2_000
MOST_TARGETS = 50
"""An alert is not refused for being wordy: what goes on is cut to this."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class Essentials(_Part):
    alert_id: str = Field(min_length=1)
    alert_rule: str = Field(min_length=1)
    severity: Severity
    monitor_condition: Condition
    fired_date_time: AwareDatetime
    resolved_date_time: AwareDatetime | None = None
    description: str | None = ""
    alert_target_ids: list[str] = Field(default=[], alias="alertTargetIDs")


class AlertData(_Part):
    essentials: Essentials


class CommonAlert(_Part):
    schema_id: Literal["azureMonitorCommonAlertSchema"]
    data: AlertData


def read_alert(body: bytes) -> AlertFired:
    """Read the body of a webhook.

    Raises:
        Problem: 413, or 400 naming each field that is wrong, its value and what is allowed.
    """
    if len(body) > LARGEST:
        raise Problem(413, "too-large", f"the body has {len(body):,} bytes, allowed are {LARGEST:,}")
    try:
        alert = CommonAlert.model_validate(read_json(body)).data.essentials
    except Park as park:
        raise Problem(400, park.reason, park.description) from park
    except ValidationError as error:
        hint = "switch the common alert schema on in the action group's webhook"
        raise Problem(400, "wrong-schema", f"{sentence(error)}; {hint}") from error
    return AlertFired(
        alert_id=alert.alert_id,
        rule=alert.alert_rule[:LONGEST_TEXT],
        severity=alert.severity,
        condition=alert.monitor_condition,
        description=(alert.description or "")[:LONGEST_TEXT],
        fired_at=_when(alert),
        targets=tuple(target[:LONGEST_TEXT] for target in alert.alert_target_ids[:MOST_TARGETS]),
    )


def alert_event(alert: AlertFired, sent_by: str) -> CloudEvent:
    """The same webhook makes the same event each time."""
    return CloudEvent(
        {
            "id": safe_id(alert.alert_id, alert.fired_at.isoformat(), alert.condition),
            "source": SOURCE,
            "type": AlertFired.TYPE,
            "time": alert.fired_at,
            "datacontenttype": "application/json",
            "sentby": sent_by,
        },
        alert.model_dump(mode="json"),
    )


def _when(alert: Essentials) -> datetime:
    """When it fired, or was resolved: of a resolved alert Azure repeats when it had fired."""
    resolved = alert.resolved_date_time if alert.monitor_condition == "Resolved" else None
    return resolved or alert.fired_date_time

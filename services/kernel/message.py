"""announcement, or what came in by a door -> Service Bus message: a CloudEvent whose ids follow from what caused it.

The message id is the same each time the same commit is published, so that the topic's duplicate detection drops what a
crash between publishing and forgetting would send twice.
"""

import json
from datetime import UTC, datetime, timedelta

from azure.servicebus import ServiceBusMessage
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict

from services.entities import DEAD_LETTERS
from services.kernel import telemetry
from services.kernel.delivery import ATTEMPT, FIRST_ID, SPENT, Delivery
from services.kernel.effects import Announce
from services.kernel.event import Event, EventData
from services.kernel.ids import fingerprint, safe_id
from services.kernel.outcome import Park
from services.kernel.topology import Subscription, Topic

RETRY = "retry"
"""The subject of copies: no rule for an event type matches it, only the rule on the subscription's own `to`."""

STRUCTURED = "application/cloudevents+json"


class Outgoing(BaseModel):
    """A message to be sent, as it waits in an outbox record."""

    model_config = ConfigDict(frozen=True)

    topic: str
    message_id: str
    subject: str
    body: str
    to: str | None = None
    session: str | None = None
    at: datetime | None = None
    content_type: str = STRUCTURED
    properties: dict[str, str | int] = {}
    event_key: str = ""
    """What the event will be known by to whoever receives it."""

    def to_service_bus(self) -> ServiceBusMessage:
        return ServiceBusMessage(
            self.body,
            message_id=self.message_id,
            subject=self.subject,
            to=self.to,
            session_id=self.session,
            content_type=self.content_type,
            application_properties={**self.properties},
            scheduled_enqueue_time_utc=self.at,
        )


def outgoing(announced: Announce, *, cause: Event[EventData], consumer: Subscription, number: int) -> Outgoing:
    """The message of one announced event; `number` tells the events of one commit apart."""
    message_id = safe_id(consumer.name, cause.key, str(number), announced.type)
    source = f"/{consumer.topic.name}/{consumer.name}"
    event = CloudEvent(
        {
            "id": message_id,
            "source": source,
            "type": announced.type,
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
            "causationid": cause.id,
        },
        announced.data.model_dump(mode="json"),
    )
    return Outgoing(
        topic=announced.topic.name,
        message_id=message_id,
        subject=announced.type,
        body=JSONFormat().write(event).decode(),
        session=announced.session,
        at=announced.at,
        properties=telemetry.context_properties(),
        event_key=safe_id(source, message_id),
    )


def entering(event: CloudEvent, topic: Topic, *, session: str | None = None, at: datetime | None = None) -> Outgoing:
    """The message of an event that comes in by a door: a request, a change feed, a timer.

    Its message id follows from source, id and content: the broker drops what a door sends twice within its window, and
    nothing but that; an id that is used again for another content reaches the inbox, which tells.
    """
    content = fingerprint(json.dumps([event.get_type(), event.get_data()], sort_keys=True))
    return Outgoing(
        topic=topic.name,
        message_id=safe_id(event.get_source(), content, event.get_id()),
        subject=event.get_type(),
        body=JSONFormat().write(event).decode(),
        session=session,
        at=at,
        properties=telemetry.context_properties(),
        event_key=safe_id(event.get_source(), event.get_id()),
    )


def retry_copy(delivery: Delivery, subscription: Subscription, event_key: str, *, wait: float, spent: int) -> Outgoing:
    """The same message once more, `wait` seconds from now, for this subscription alone.

    Its id follows from this delivery's: a crash that schedules twice makes one copy, and a replay makes its own.
    """
    return Outgoing(
        topic=subscription.topic.name,
        message_id=f"{safe_id(delivery.message_id, event_key)}~{subscription.name[:40]}~{delivery.attempt + 1}",
        subject=RETRY,
        body=delivery.body.decode(),
        to=subscription.name,
        at=datetime.now(UTC) + timedelta(seconds=wait),
        properties={
            **telemetry.context_properties(),
            FIRST_ID: delivery.first_id,
            ATTEMPT: delivery.attempt + 1,
            SPENT: delivery.spent + spent,
        },
    )


def parked(
    delivery: Delivery, subscription: Subscription, *, reason: str, description: str, error: str, event: str
) -> ServiceBusMessage:
    """What goes to `dead-letters`: the body untouched, and all that an operator needs to act or to replay."""
    return ServiceBusMessage(
        delivery.body,
        message_id=f"{safe_id(delivery.message_id)}~{delivery.attempt}",
        subject="parked",
        application_properties={
            "DeadLetterReason": reason,
            "DeadLetterErrorDescription": description[:1024],
            "exception": error,
            "topic": subscription.topic.name,
            "subscription": subscription.name,
            "event": event,
            "origin": f"{subscription.name}~{delivery.sequence}",
            "original_subject": delivery.subject[:128],
            FIRST_ID: delivery.first_id,
            ATTEMPT: delivery.attempt,
            **telemetry.context_properties(),
        },
    )


def never_entered(content: str, topic: Topic, park: Park, *, door: str) -> Outgoing:
    """What goes to `dead-letters` where a door has nobody to refuse to: it would have been an event on `topic`.

    `content` tells an operator what it was; where it is too much to send, what it was and where to find it.
    """
    origin = safe_id(park.reason, content, door)
    return Outgoing(
        topic=DEAD_LETTERS.name,
        message_id=origin,
        subject="parked",
        body=content,
        content_type="application/json",
        properties={
            "DeadLetterReason": park.reason,
            "DeadLetterErrorDescription": park.description[:1024],
            "exception": type(park.__cause__ or park).__name__,
            "topic": topic.name,
            "subscription": "",
            "event": "",
            "origin": origin,
            "original_subject": "",
            FIRST_ID: origin,
            ATTEMPT: 1,
            **telemetry.context_properties(),
        },
    )

"""Recipients, events and messages as the tests of notifications use them."""

from datetime import UTC, datetime
from typing import Any

from local.mailbox.server import Mailbox
from services.notifications.directory import Recipient, partition
from services.notifications.events import Notification
from services.notifications.topology import CHANNELS
from tests.services.events import cloud_event
from tests.services.world import World

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def entry(recipient: str = "ines", **changes: Any) -> dict[str, Any]:
    """A directory document: somebody in support who hears by mail, then by SMS."""
    return {
        "id": partition(recipient),
        "recipient_id": partition(recipient),
        "kind": "recipient",
        "recipient": recipient,
        "name": recipient.title(),
        "role": "support",
        "language": "en",
        "time_zone": "Europe/Berlin",
        "channels": [
            {"channel": "email", "address": f"{recipient}@shop.example"},
            {"channel": "sms", "address": f"+49-{recipient}"},
        ],
        **changes,
    }


def person(**changes: Any) -> Recipient:
    return Recipient.model_validate(entry(**changes))


def notification(recipient: str = "ines", **changes: Any) -> Notification:
    known: dict[str, Any] = {
        "recipient_id": partition(recipient),
        "cause": "feedback_analyzed",
        "category": "feedback",
        "about": "F-1",
        "at": NOON,
        "urgency": "normal",
        "channel": "email",
        "title": "Feedback",
        "text": "Somebody is angry.",
        "dedupe": "d-1",
    }
    return Notification.model_validate(known | changes)


def message_for(recipient: str = "ines", kind: str = "notification", **changes: Any) -> dict[str, Any]:
    """The notification as an event on its topic."""
    return cloud_event(kind, notification(recipient, **changes).model_dump(mode="json"))


def angry(number: int = 1, **attributes: Any) -> dict[str, Any]:
    """Feedback that the rules tell support of."""
    said = {
        "feedback_id": f"F-{number}",
        "customer_id": "C-1",
        "sentiment": "negative",
        "topics": ["delivery"],
        "urgency": "normal",
        "needs_reply": True,
    }
    return cloud_event("feedback_analyzed", said, **attributes)


def outage(**data: Any) -> dict[str, Any]:
    said = {"alert_id": "A-1", "rule": "errors", "severity": "Sev0", "description": "checkout is down", "targets": []}
    return cloud_event("alert_fired", said | data)


def connect(world: World, mailbox: Mailbox) -> None:
    """Every channel leads to this mailbox."""
    world.set(**{f"Secret_channel_{channel}": mailbox.channel(channel) for channel in CHANNELS})


async def know(world: World, *entries: dict[str, Any]) -> None:
    for each in entries:
        await world.put("notifications", each)


async def deliveries(world: World) -> list[dict[str, Any]]:
    return await world.documents("notifications", "delivery")

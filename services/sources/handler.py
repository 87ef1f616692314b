"""a request, an alert, the clock -> events on our topics; nothing is kept here, so who is not answered asks again.

The platform has checked the token before a request comes here (infra/sign_in.py); what its owner may do is checked
here.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import azure.functions as func
from cloudevents.core.v1.event import CloudEvent

from services.entities import INSIGHTS
from services.kernel.caller import Caller
from services.kernel.message import Outgoing, entering
from services.kernel.outcome import Retry
from services.kernel.problem import NOT_TAKEN, ok
from services.kernel.service import Service
from services.sources.alerts import alert_event, read_alert
from services.sources.events import DigestDue
from services.sources.intake import Request, taken
from services.sources.topology import TOPOLOGY

SERVICE = Service(TOPOLOGY, ())

SEND_EVENTS = "Events.Send"
SEND_ALERTS = "Alerts.Send"
"""App roles; docs/sign-in.md says who gets them."""
KEY = "Idempotency-Key"
PATIENCE = 20.0
"""Seconds that a sender is let wait for the broker's acknowledgement."""


async def take_events(request: func.HttpRequest, now: datetime) -> func.HttpResponse:
    """Events by HTTP: all of a request, or none."""
    caller = Caller.of(request)
    caller.must_have(SEND_EVENTS)
    headers = cast("Any", request.headers)
    key = str(headers.get(KEY) or uuid4().hex)
    events = taken(Request(request.get_body(), str(headers.get("Content-Type", "")), caller.name, key, now))
    await _hand_over(message for _, message in events)
    return ok({"ids": [event_id for event_id, _ in events]}, 202)


async def take_alert(request: func.HttpRequest) -> func.HttpResponse:
    """The webhook of an action group."""
    caller = Caller.of(request)
    caller.must_have(SEND_ALERTS)
    event = alert_event(read_alert(request.get_body()), caller.name)
    await _hand_over([entering(event, INSIGHTS)])
    return ok({"ids": [event.get_id()]}, 202)


async def say_digest_due(now: datetime) -> None:
    """The hour, once: two instances, or a run that comes late, say the same event."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    event = CloudEvent(
        {
            "id": f"{hour:%Y-%m-%dT%H}",
            "source": "/sources/clock",
            "type": DigestDue.TYPE,
            "time": hour,
            "datacontenttype": "application/json",
        },
        DigestDue(at=hour).model_dump(mode="json"),
    )
    await _hand_over([entering(event, INSIGHTS)])


async def _hand_over(messages: Iterable[Outgoing]) -> None:
    """Return once the broker has them all.

    Raises:
        Retry: `broker-slow`; some may have arrived, and will not count twice.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            await SERVICE.send(messages)
    except TimeoutError as error:
        raise Retry("broker-slow", NOT_TAKEN) from error

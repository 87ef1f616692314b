"""Events as a producer sends them: a CloudEvent as a dict, and the Service Bus message around it."""

import json
from typing import Any
from uuid import uuid4

from azure.servicebus import ServiceBusMessage

from services.kernel.delivery import Delivery

TIME = "2026-11-20T08:00:00Z"


def cloud_event(kind: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """An event with an id of its own, unless `attributes` say otherwise."""
    return {
        "specversion": "1.0",
        "id": uuid4().hex[:12],
        "source": "/shop",
        "type": kind,
        "time": TIME,
        "datacontenttype": "application/json",
        **attributes,
        "data": data,
    }


def customer(attributes: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """A large logistics company: the rules say enterprise, logistics, high."""
    known = {
        "customer_id": "C-1",
        "name": "Ada Berg",
        "email": "hello@nordlicht.example",
        "company": "Nordlicht Logistik",
        "employees": 420,
        "country": "DE",
    }
    return cloud_event("customer_created", known | data, **(attributes or {}))


def order(attributes: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """A small order of somebody unknown: the rules say low risk, normal priority."""
    line = {"product_id": "P-110", "quantity": 2, "unit_price": 39}
    return cloud_event(
        "order_placed", {"order_id": "O-1", "customer_id": "C-1", "items": [line]} | data, **(attributes or {})
    )


def feedback(attributes: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """An angry customer: the rules say negative, delivery."""
    said = {"feedback_id": "F-1", "customer_id": "C-1", "text": "The parcel was late, this is unacceptable."}
    return cloud_event("feedback_received", said | data, **(attributes or {}))


def bare(event: dict[str, Any]) -> dict[str, Any]:
    """The same event in the article's form: no id, no source, no time."""
    return {"type": event["type"], "data": event["data"]}


def message(event: dict[str, Any] | str | bytes, message_id: str | None = None, **properties: Any) -> ServiceBusMessage:
    """The message of an event; each has a message id of its own, so that the broker takes repetitions for new ones."""
    body = json.dumps(event) if isinstance(event, dict) else event
    subject = event["type"] if isinstance(event, dict) else "order_placed"
    return ServiceBusMessage(
        body,
        message_id=message_id or uuid4().hex,
        **{"subject": subject, "content_type": "application/json", **properties},
    )


def delivery(body: bytes | str | dict[str, Any], first_id: str = "m-1", **changes: Any) -> Delivery:
    """A delivery of this body, for what is tested without a broker."""
    if isinstance(body, dict):
        body = json.dumps(body)
    known: dict[str, Any] = {
        "body": body.encode() if isinstance(body, str) else body,
        "message_id": first_id,
        "sequence": 1,
        "first_id": first_id,
        "attempt": 1,
        "spent": 0,
        "properties": {},
        "enqueued": None,
    }
    return Delivery(**(known | changes))

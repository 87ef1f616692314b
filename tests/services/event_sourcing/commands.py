"""Commands as somebody sends them, the order they are about, and answers as the model gives them."""

from typing import Any

from azure.servicebus import ServiceBusMessage
from cloudevents.core.v1.event import CloudEvent

from services.entities import ENTITY_COMMANDS, ENTITY_EVENTS, EVENTS, ITEMS
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.stream import stream_of
from services.kernel.ids import safe_id
from services.kernel.message import Outgoing, entering
from services.kernel.service import Service
from tests.services.events import cloud_event, message
from tests.services.world import World

CASE = "R-1"
STREAM = stream_of(CASE)
PLACE = ENTITY_COMMANDS.name


def order(total: str = "40.00", order_id: str = "O-1", **fields: Any) -> dict[str, Any]:
    """The record of an order as inference writes it."""
    home = safe_id("order", order_id)
    known = {"customer_id": "C-1", "currency": "EUR", "risk": "low"}
    return {"id": home, "entity_id": home, "kind": "order", "order_id": order_id, "total": total, **known, **fields}


def command(kind: str, attributes: dict[str, Any] | None = None, case: str = CASE, **data: Any) -> ServiceBusMessage:
    """A command in its case's session."""
    event = cloud_event(kind, {"case_id": case, **data}, **(attributes or {}))
    return message(event, session_id=stream_of(case))


def open_refund(attributes: dict[str, Any] | None = None, case: str = CASE, **data: Any) -> ServiceBusMessage:
    return command("open_refund", attributes, case, **{"order_id": "O-1", "reason": "It arrived broken.", **data})


def add_evidence(attributes: dict[str, Any] | None = None, case: str = CASE, **data: Any) -> ServiceBusMessage:
    return command("add_evidence", attributes, case, **{"evidence": "A photo of the lamp.", **data})


def answer(*events: str, **changes: Any) -> dict[str, Any]:
    """An accepted command with these events."""
    known = {"accepted": True, "rejection_reason": "none", "side_effects": [], "confidence": "high"}
    return {**known, "events_to_generate": list(events), **changes}


WAIT = answer()


def outdated(name: str = STREAM, *, from_start: bool = True) -> Outgoing:
    """The message that has a view made anew."""
    event = cloud_event("view_outdated", {"stream": name, "from_start": from_start})
    return entering(
        CloudEvent({k: v for k, v in event.items() if k not in ("data", "time")}, event["data"]), ENTITY_EVENTS
    )


async def given_order(world: World, total: str = "40.00", **fields: Any) -> Service:
    """An order is there; a process to deal with its cases."""
    await world.put(ITEMS.name, order(total, **fields))
    return world.start(SERVICE)


async def told(world: World, process: Service, *messages: ServiceBusMessage) -> None:
    """Send commands one after another and let everything come to rest."""
    for one in messages:
        await world.send(one, topic=PLACE)
    await world.drain(process)


async def stream(world: World, name: str = STREAM) -> list[dict[str, Any]]:
    """The events of a stream, as they are in the store."""
    return [event for event in await world.documents(EVENTS.name, "event") if event["stream"] == name]


async def types(world: World, name: str = STREAM) -> list[str]:
    return [event["type"] for event in await stream(world, name)]


async def view(world: World, name: str = STREAM) -> dict[str, Any]:
    (found,) = [one for one in await world.documents("views", "case") if one["stream"] == name]
    return found


async def approvals(world: World) -> list[dict[str, Any]]:
    return await world.documents("views", "approval")

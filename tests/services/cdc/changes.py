"""Items as people and AI write them, and their way through the feed."""

from collections.abc import Mapping
from typing import Any

from azure.servicebus import ServiceBusMessage

from services.cdc.events import ItemChanged, ItemRef
from services.cdc.relay import FEED, announced, relay
from services.entities import INSIGHTS, ITEM_CHANGES, ITEM_VERSIONS, ITEMS
from services.kernel.authorship import signed
from services.kernel.service import Service
from tests.services.world import World

SIGNIFICANT = {
    "significant_change": True,
    "change_type": "update",
    "trigger_workflow": False,
    "reason": "other",
    "confidence": "high",
}


def order(name: str = "o-1", **said: Any) -> dict[str, Any]:
    known = {"kind": "order", "customer_id": "C-1", "status": "placed", "total": "78", "notes": "Ring twice."}
    return {"id": name, "entity_id": name, **known, **said}


def by_ai(item: Mapping[str, Any]) -> dict[str, Any]:
    """The same item as AI writes it."""
    return signed(item, source="model", model="gpt", event="e-1")


async def write(world: World, item: Mapping[str, Any]) -> dict[str, Any]:
    """Write an item as somebody does, and get it with what Cosmos DB adds."""
    return dict(await world.database.get_container_client(ITEMS.name).upsert_item(dict(item)))


async def remove(world: World, name: str = "o-1") -> None:
    await world.database.get_container_client(ITEMS.name).delete_item(name, name)


async def feed(world: World) -> list[dict[str, Any]]:
    """What the change feed shows from its beginning: each item once, in its latest version."""
    pages = world.database.get_container_client(ITEMS.name).query_items_change_feed(start_time="Beginning")
    return [dict(document) async for document in pages]


async def seen(world: World, process: Service, *items: Mapping[str, Any]) -> None:
    """Write items, relay the feed and let the analyst look."""
    for item in items:
        await write(world, item)
    await relay(await feed(world), process)
    await world.drain(process)


def changed(document: Mapping[str, Any], *, source: str = FEED, **said: Any) -> ServiceBusMessage:
    """A message about a version of a document, as the relay sends it but for what is `said`."""
    at = {"item": ItemRef(id=document["id"], partition=document["entity_id"]), "etag": document["_etag"]}
    data = ItemChanged(**{**at, "lsn": document.get("_lsn"), "time": document["_ts"], **said})
    return announced(data, source).to_service_bus()


async def tell(world: World, *messages: ServiceBusMessage) -> None:
    await world.send(*messages, topic=ITEM_CHANGES.name)


async def versions(world: World) -> list[dict[str, Any]]:
    return await world.documents(ITEM_VERSIONS.name, "version")


async def notes(world: World) -> list[str]:
    """What became of each message, in the order of time: its verdict and why."""
    markers = sorted(await world.documents(ITEM_VERSIONS.name, "inbox"), key=lambda marker: marker["at"])
    return [f"{marker['verdict']}: {marker['note']}" for marker in markers]


async def detected(world: World) -> list[dict[str, Any]]:
    """What was told to others."""
    return [event["data"] for event in await world.events(INSIGHTS, "change_detected")]

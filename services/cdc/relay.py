"""items' change feed -> item-changes: which item has another version, never the item; no AI here

A batch whose function raises is lost unless the function has a retry policy, and with one it is tried again as a whole
(Azure/azure-webjobs-sdk-extensions#716, #837). So one document must never stop the others: what cannot be relayed is
parked. What fails is the broker; then the whole batch comes again, and the message ids make it the same messages.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from services.cdc.events import ItemChanged, ItemRef
from services.cdc.fields import is_bookkeeping
from services.entities import ITEM_CHANGES, ITEMS
from services.kernel.authorship import is_as_ai_wrote_it
from services.kernel.ids import safe_id
from services.kernel.message import Outgoing, entering, never_entered
from services.kernel.outcome import Park
from services.kernel.service import Service

FEED = f"/{ITEMS.name}/feed"
"""The source of what the change feed shows."""


async def relay(documents: Iterable[Mapping[str, Any]], service: Service) -> None:
    """Send on what changed; return when the broker has it all."""
    await service.send([message for document in documents if (message := seen(document))])


def session_of(item: ItemRef) -> str:
    """The ordering key of an item, which is also where its versions live."""
    return safe_id(item.partition, item.id)


def item_changed(document: Mapping[str, Any], source: str, *once_more: str) -> Outgoing:
    """The message about this version of a document: the same version is the same event.

    Raises:
        Park: `not-an-item`, naming what is wrong with the document.
    """
    try:
        changed = ItemChanged(
            item=ItemRef(id=document.get("id", ""), partition=document.get(ITEMS.partition_key, "")),
            etag=document.get("_etag", ""),
            lsn=document.get("_lsn"),
            time=datetime.fromtimestamp(document.get("_ts", 0), UTC),
            by_ai=is_as_ai_wrote_it(document),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where, got = ".".join(map(str, first["loc"])), str(first["input"])[:60]
        raise Park("not-an-item", f"{where}: {first['msg']} (got {got!r})") from error
    return announced(changed, source, *once_more)


def announced(changed: ItemChanged, source: str, *once_more: str) -> Outgoing:
    """The message of a change. The position is part of its id: partitions that merge may give a version another one."""
    event = CloudEvent(
        {
            "id": safe_id(*once_more, changed.etag, str(changed.lsn), changed.item.partition, changed.item.id),
            "source": source,
            "type": ItemChanged.TYPE,
            "time": changed.time,
            "datacontenttype": "application/json",
        },
        changed.model_dump(mode="json"),
    )
    return entering(event, ITEM_CHANGES, session=session_of(changed.item))


def seen(document: Mapping[str, Any]) -> Outgoing | None:
    """The message about this version of a document, or that it could not be relayed; None for what is no item."""
    if is_bookkeeping(document):
        return None
    try:
        return item_changed(document, FEED)
    except Park as park:
        return _parked(document, park)
    except Exception as error:  # noqa: BLE001 - whatever one document does to us, the others come through
        park = Park("not-an-item", f"{type(error).__name__}: {error}")
        park.__cause__ = error
        return _parked(document, park)


def _parked(document: Mapping[str, Any], park: Park) -> Outgoing:
    """Where to find it, not what it says."""
    known = ("id", ITEMS.partition_key, "_rid", "_etag", "_ts", "_lsn")
    found = {name: str(document[name])[:1023] for name in known if name in document}
    return never_entered(json.dumps(found), ITEM_CHANGES, park, door=FEED)

"""items, item-versions -> what the feed missed -> item-changes; slowly, a page after another, from run to run

A change feed loses a batch when a process is killed at the wrong moment, and it shows no deletes. So two walks follow
each other for ever: over the items, for versions that nobody has analysed, and over the analysed versions, for items
that are not there any more. The first walk over a container that was there before is the backfill.

The place that was reached is a document, written after each page: a crash repeats a page, and the same page of the same
round makes the same messages. A new round makes new ones, so that what was lost again is found again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from azure.core import MatchConditions
from azure.cosmos.exceptions import CosmosAccessConditionFailedError, CosmosResourceExistsError

from services.cdc.decide import GONE
from services.cdc.events import ItemChanged, ItemRef
from services.cdc.handler import item_now
from services.cdc.relay import announced, item_changed, session_of
from services.cdc.topology import CHANGE_ANALYST
from services.entities import BUDGETS, ITEM_VERSIONS, ITEMS
from services.kernel import connections
from services.kernel.backlog import measure
from services.kernel.budget import today
from services.kernel.message import Outgoing
from services.kernel.service import Service
from services.kernel.settings import settings
from services.kernel.store import Document, Store

SOURCE = f"/{ITEMS.name}/reconciliation"
"""The source of what the walks find: another one than the feed's, for the feed knows more about a version."""
PLACE = "reconciliation"

PAGE = 100
PAGES = 5
"""Pages of one run: together the rate, 500 documents looked at every ten minutes."""
DEEP = 50
"""Items that may wait for the analyst; with more, the walk would only add to them."""
SETTLED = timedelta(minutes=5)
"""How old a version must be: what is younger is probably on its way."""

ITEMS_AFTER = (
    "SELECT TOP @page c.id, c.entity_id, c._etag FROM c WHERE c.entity_id > @after AND c._ts < @before "
    "AND (NOT IS_DEFINED(c.kind) OR c.kind NOT IN ('inbox', 'outbox')) ORDER BY c.entity_id"
)
ITEMS_OF = (
    "SELECT c.id, c.entity_id, c._etag FROM c WHERE c.entity_id = @partition AND c._ts < @before "
    "AND (NOT IS_DEFINED(c.kind) OR c.kind NOT IN ('inbox', 'outbox'))"
)
VERSIONS_AFTER = (
    "SELECT TOP @page c.item, c.ref, c.etag, c.analysed_at FROM c WHERE c.item > @after AND c.kind = 'version' "
    "AND c.operation != 'delete' ORDER BY c.item"
)

Walk = Literal["items", "versions"]


@dataclass(frozen=True)
class Run:
    """What one run came to; `stopped` says why it went no further, empty if it went as far as it may."""

    looked_at: int = 0
    relayed: int = 0
    stopped: str = ""


async def reconcile_items(service: Service) -> Run:
    """Walk on from where the last run came to."""
    store, run = service.documents, Run()
    for _ in range(PAGES):
        if stopped := await why_not_now(store):
            return Run(run.looked_at, run.relayed, stopped)
        place = await store.load(ITEM_VERSIONS, PLACE, PLACE) or {"walk": "items", "after": "", "round": 1}
        looked_at, missed, last = await _page(store, place)
        await service.send(missed)
        run = Run(run.looked_at + looked_at, run.relayed + len(missed))
        if not await _remember(store, place, last):
            return Run(run.looked_at, run.relayed, "another process is at it")
        if last is None and place["walk"] == "versions":
            break  # once around is enough for one run
    return run


async def why_not_now(store: Store) -> str:
    """What speaks against more work for the analyst now, or nothing: events that just happened come first."""
    spent = await store.load(BUDGETS, ItemChanged.TYPE, today())
    if spent and spent["reserved"] > settings().budget.soft:
        return f"the soft budget of {ItemChanged.TYPE} is spent"
    async with connections.service_bus() as client:
        _, depth = await measure(client, CHANGE_ANALYST)
    return f"{depth} items wait for {CHANGE_ANALYST.name}" if depth >= DEEP else ""


async def _page(store: Store, place: Document) -> tuple[int, list[Outgoing], str | None]:
    """How many documents the next page has, what was missed, and where it ends: None at the end of the walk."""
    look = _look_at_items if place["walk"] == "items" else _look_at_versions
    return await look(store, place["after"], str(place["round"]))


async def _look_at_items(store: Store, after: str, number: str) -> tuple[int, list[Outgoing], str | None]:
    """Items whose version is not the analysed one. A page ends with a whole partition, so that its name is a place."""
    before = int((datetime.now(UTC) - SETTLED).timestamp())
    page = await store.query(ITEMS, ITEMS_AFTER, {"page": PAGE, "after": after, "before": before})
    last = page[-1]["entity_id"] if len(page) == PAGE else None
    if last is not None:
        rest = await store.query(ITEMS, ITEMS_OF, {"partition": last, "before": before}, partition=last)
        page = [*(item for item in page if item["entity_id"] != last), *rest]
    analysed = await _etags(store, [session_of(_ref(item)) for item in page])
    found: list[Outgoing] = []
    for item in page:
        if analysed.get(session_of(_ref(item))) != item["_etag"]:
            found += await _about(store, _ref(item), number)
    return len(page), found, last


async def _look_at_versions(store: Store, after: str, number: str) -> tuple[int, list[Outgoing], str | None]:
    """Versions whose item is gone."""
    page = await store.query(ITEM_VERSIONS, VERSIONS_AFTER, {"page": PAGE, "after": after})
    partitions = sorted({version["ref"]["partition"] for version in page})
    there = await store.query(
        ITEMS,
        "SELECT c.id, c.entity_id FROM c WHERE ARRAY_CONTAINS(@partitions, c.entity_id)",
        {"partitions": partitions},
    )
    found = {(item["entity_id"], item["id"]) for item in there}
    gone = [version for version in page if (version["ref"]["partition"], version["ref"]["id"]) not in found]
    missed = [
        announced(
            ItemChanged(
                item=ItemRef.model_validate(version["ref"]),
                etag=GONE,
                time=datetime.fromisoformat(version["analysed_at"]),
            ),
            SOURCE,
            number,
            version["etag"],
        )
        for version in gone
    ]
    return len(page), missed, page[-1]["item"] if len(page) == PAGE else None


async def _etags(store: Store, versions: list[str]) -> dict[str, str]:
    """The analysed version of each, where there is one."""
    found = await store.query(
        ITEM_VERSIONS,
        "SELECT c.item, c.etag FROM c WHERE c.kind = 'version' AND ARRAY_CONTAINS(@versions, c.item)",
        {"versions": versions},
    )
    return {version["item"]: version["etag"] for version in found}


async def _about(store: Store, item: ItemRef, number: str) -> list[Outgoing]:
    """The message about an item, with what only the whole document tells: whether AI wrote it."""
    document = await item_now(store, item)
    return [item_changed(document, SOURCE, number)] if document else []


def _ref(item: Mapping[str, Any]) -> ItemRef:
    return ItemRef(id=item["id"], partition=item["entity_id"])


async def _remember(store: Store, place: Document, last: str | None) -> bool:
    """Write down the place that was reached, at the end of a walk the beginning of the other; False if another process
    wrote first.
    """
    walk, number = place["walk"], place["round"]
    if last is None:
        walk, number = ("versions", number) if walk == "items" else ("items", number + 1)
    document = {
        "id": PLACE,
        ITEM_VERSIONS.partition_key: PLACE,
        "kind": PLACE,
        "walk": walk,
        "after": last or "",
        "round": number,
        "at": datetime.now(UTC).isoformat(),
    }
    container = await store.container(ITEM_VERSIONS)
    try:
        if "_etag" in place:
            await container.replace_item(
                PLACE, document, etag=place["_etag"], match_condition=MatchConditions.IfNotModified
            )
        else:
            await container.create_item(document)
    except (CosmosAccessConditionFailedError, CosmosResourceExistsError):
        return False
    return True

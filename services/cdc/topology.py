"""items' change feed -> item-changes -> change-analyst -> item-versions -> insights"""

from services.entities import HOUSEKEEPING, INSIGHTS, ITEM_CHANGES, ITEM_VERSIONS, ITEMS
from services.kernel.topology import Feed, Subscription, Timer, Topology

CHANGE_ANALYST = Subscription(topic=ITEM_CHANGES, name="change-analyst", event_types=("item_changed",))

RELAY = Feed(ITEMS, function="relay_changes", lease_prefix="cdc-relay_changes")

TOPOLOGY = Topology(
    name="cdc",
    listens=(CHANGE_ANALYST,),
    publishes=(ITEM_CHANGES, INSIGHTS),
    keeps=(ITEM_VERSIONS,),
    reads=(ITEMS,),
    asks=("small",),
    feeds=(RELAY,),
    timers=(*HOUSEKEEPING, Timer("reconcile", "0 */10 * * * *")),
)

"""item_changed -> the item as it is now, beside its last analysed version -> delta -> ask -> decide -> insight"""

from datetime import UTC, datetime

from services.cdc import decide
from services.cdc.decide import Sight
from services.cdc.events import ItemChanged, ItemRef
from services.cdc.questions import CHANGE, facts_of
from services.cdc.relay import session_of
from services.cdc.topology import TOPOLOGY
from services.entities import ITEM_VERSIONS, ITEMS
from services.kernel.commit import Home
from services.kernel.effects import Effects, stale
from services.kernel.event import Event
from services.kernel.outcome import Retry
from services.kernel.ports import Ports
from services.kernel.service import Reaction, Service
from services.kernel.store import Document, Store


async def analyse_change(event: Event[ItemChanged], ports: Ports) -> Effects:
    known = await ports.mine(ports.home.partition)
    sight = Sight(await item_now(ports.store, event.data.item), known)
    if decide.is_behind(event, sight) and not ports.last_attempt:
        raise Retry("items-behind", f"the item was read as it was before {event.data.time.isoformat()}")
    if note := decide.why_stale(event, sight):
        return stale(note)
    changes = sight.delta()
    if note := decide.why_not_asked(event, sight, changes):
        return decide.remember(event, sight, note, datetime.now(UTC))
    facts = facts_of(sight.kind, sight.operation, changes)
    answered = await ports.ask(CHANGE, facts, about=sight.between)
    return decide.analyse(event, sight, changes, answered, datetime.now(UTC))


async def item_now(store: Store, item: ItemRef) -> Document | None:
    """The item as it is now, or None if it is not there.

    By a query: a point read misses an item whose id has a slash, which Cosmos DB lets others write
    (Azure/azure-cosmos-dotnet-v3#4129), and what is missed would pass for deleted.
    """
    found = await store.query(ITEMS, "SELECT * FROM c WHERE c.id = @id", {"id": item.id}, partition=item.partition)
    return found[0] if found else None


SERVICE = Service(
    TOPOLOGY,
    (Reaction(ItemChanged, lambda event: Home(ITEM_VERSIONS, session_of(event.data.item)), analyse_change),),
)

"""Items live at random, with people, AI, crashes, repetitions and losses; in the end everything has been looked at."""

from datetime import timedelta
from random import Random

import pytest

from services.cdc import reconcile
from services.cdc.fields import relevant
from services.cdc.handler import SERVICE
from services.cdc.reconcile import reconcile_items
from services.cdc.relay import relay
from tests.services.cdc.changes import by_ai, changed, detected, feed, order, remove, tell, versions, write
from tests.services.kernel.test_crashes import STEPS, dying_after
from tests.services.world import World

PEOPLES, AIS = ("o-1", "o-2"), "o-ai"
"""Two items that everybody writes, and one that only AI does."""
WHAT_HAPPENS = ("person", "person", "AI", "AI alone", "delete", "gone", "relay", "repeat", "analyse", "crash")


async def live(world: World, random: Random) -> None:  # noqa: C901 - a line a case
    """One thing that happens."""
    name = random.choice(PEOPLES)
    item = order(name, status=random.choice(["placed", "overdue", "paid"]), total=str(random.randrange(3)))
    there = {document["id"]: document for document in await feed(world)}
    match random.choice(WHAT_HAPPENS):
        case "person":
            await write(world, item)
        case "AI":
            await write(world, by_ai(there.get(name, item) | {"risk": random.choice(["low", "high"])}))
        case "AI alone":
            await write(world, by_ai(order(AIS, total=str(random.randrange(9)))))
        case "delete":
            await write(world, {**item, "deleted": True, "ttl": 3600})
        case "gone" if name in there:
            await remove(world, name)
        case "relay":
            await relay(random.sample(list(there.values()), len(there) // 2 + len(there) % 2), world.start(SERVICE))
        case "repeat":
            await tell(world, *(changed(one, source=f"/again/{random.random()}") for one in there.values()))
        case "analyse":
            await world.drain(world.start(SERVICE), patience=0)
        case "crash":
            await relay(there.values(), world.start(SERVICE))
            if await world.sessions(SERVICE.topology.listens[0]):
                with dying_after(STEPS["receive"]):
                    await world.drain(world.start(SERVICE))
        case _:
            pass


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_in_the_end_each_item_is_analysed_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # given
    monkeypatch.setattr(reconcile, "SETTLED", timedelta(seconds=-5))
    world.set(Outbox__olderThanSeconds=0.001)
    random = Random(seed)
    for _ in range(12):
        await live(world, random)

    # when: the feed shows nothing more, only the walks go round
    process = world.start(SERVICE)
    for _ in range(2):
        await world.drain(process)
        await reconcile_items(process)
    await world.drain(process)
    await process.sweep_outbox()

    # then: what is there was looked at, what was looked at and is not there is known to be gone
    there = {document["id"]: document for document in await feed(world)}
    analysed = {version["ref"]["id"]: version for version in await versions(world)}
    for name, item in there.items():
        deleted = item.get("deleted") is True
        assert analysed[name]["etag"] == item["_etag"]
        assert analysed[name]["content"] == ({} if deleted else relevant(item))
        assert (analysed[name]["operation"] == "delete") == deleted
    for name in analysed.keys() - there.keys():
        assert analysed[name]["operation"] == "delete"

    # then: nobody was told of what only AI wrote, and nothing is left over
    assert AIS not in {insight["item_id"] for insight in await detected(world)}
    assert not await world.parked()
    assert not await world.documents("item-versions", "outbox")
    assert (await reconcile_items(process)).relayed == 0

"""The analyst dies after any step; once another has gone on, the world is as if nothing had happened."""

from typing import Any

import pytest

from services.cdc.handler import SERVICE
from tests.services.cdc.changes import changed, detected, feed, order, seen, tell, write
from tests.services.kernel.test_crashes import CALL, FORGET, PUBLISH, STEPS, Step, dying_after
from tests.services.world import NewWorld, World


async def one_change(world: World, **said: str) -> None:
    """An item that was analysed, and a message about what has changed since."""
    world.set(Outbox__olderThanSeconds=0.001)
    await seen(world, world.start(SERVICE), order())
    await write(world, order(**(said or {"status": "overdue"})))
    await tell(world, *(changed(document) for document in await feed(world)))


async def settled_world(world: World) -> dict[str, Any]:
    """What is there once a last process has dealt with what is left, without times and etags, which differ."""
    survivor = world.start(SERVICE)
    await world.drain(survivor)
    await survivor.sweep_outbox()
    unlike = {"id", "at", "written", "analysed_at", "etag", "event_key", "event_id", "fingerprint", "announced"}
    return {
        "versions": [
            {name: value for name, value in document.items() if name not in unlike}
            for document in await world.documents("item-versions")
        ],
        "answers": sorted(str(decision["answer"]) for decision in await world.decisions()),
        "insights": await detected(world),
        "parked": await world.parked(),
    }


@pytest.fixture(scope="module")
def calm() -> dict[str, Any]:
    """What the world is like without a crash, once for all steps."""
    return {}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
async def test_a_crash_after_any_step_leaves_no_trace(new_world: NewWorld, calm: dict[str, Any], step: Step) -> None:
    # given
    if not calm:
        async with new_world() as world:
            await one_change(world)
            calm.update(await settled_world(world))

    # when
    async with new_world() as world:
        await one_change(world)
        with dying_after(step):
            await world.drain(world.start(SERVICE))
        found, calls = await settled_world(world), world.model.stats().calls

    # then
    assert found == calm
    assert len(found["insights"]) == 1
    assert len([each for each in found["versions"] if each["kind"] == "version"]) == 1
    assert calls == (3 if step is CALL else 2), "only the answer that nobody wrote down is paid twice"


async def test_a_process_that_dies_after_every_step_in_turn_does_everything_once(world: World) -> None:
    # given
    await one_change(world)

    # when
    for step in STEPS.values():
        if step not in (PUBLISH, FORGET):
            with dying_after(step):
                await world.drain(world.start(SERVICE))
    for step in (PUBLISH, FORGET):
        with dying_after(step):
            await world.start(SERVICE).sweep_outbox()

    # then
    found = await settled_world(world)
    assert len(found["insights"]) == 1
    assert not found["parked"]
    assert world.model.stats().calls == 3


async def test_an_item_that_changes_between_a_crash_and_the_next_attempt_is_analysed_as_it_is_then(
    world: World,
) -> None:
    # given: the answer about a new amount is written down, its effect is not
    await one_change(world, total="99")
    with dying_after(STEPS["write the ledger"]):
        await world.drain(world.start(SERVICE))

    # when: the amount was a mistake
    await write(world, order(notes="Ring once."))
    await settled_world(world)

    # then: that answer is not taken for one about the note
    assert await detected(world) == []
    (version,) = await world.documents("item-versions", "version")
    assert version["content"]["notes"] == "Ring once."

"""A process that dies after any step leaves the world, once another has gone on, as if nothing had happened."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.kernel import outbox, service
from services.kernel.ledger import Ledger
from services.kernel.llm import LanguageModel
from services.kernel.publisher import Publisher
from tests.services.events import customer, message, order
from tests.services.world import Died, NewWorld, World

Step = tuple[Any, str]

RECEIVE: Step = (service, "open_envelope")
FIND_MARKER: Step = (service, "find_marker")
CALL: Step = (LanguageModel, "complete")
RECORD: Step = (Ledger, "record")
COMMIT: Step = (service, "commit")
PUBLISH: Step = (Publisher, "send")
FORGET: Step = (outbox, "_forget")
STEPS = {
    "receive": RECEIVE,
    "find the marker": FIND_MARKER,
    "call the model": CALL,
    "write the ledger": RECORD,
    "commit": COMMIT,
    "publish": PUBLISH,
    "forget": FORGET,
}


@contextmanager
def dying_after(step: Step) -> Iterator[None]:
    """Within, the process dies right after this step; who ran it is told so by an exception."""
    owner, name = step
    original = getattr(owner, name)

    async def wait_and_die(*arguments: Any, **named: Any) -> Any:
        await original(*arguments, **named)
        raise Died

    def die(*arguments: Any, **named: Any) -> Any:
        original(*arguments, **named)
        raise Died

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):  # noqa: PT012 - what raises is the test's
        patch.setattr(owner, name, wait_and_die if inspect.iscoroutinefunction(original) else die)
        yield


async def settled_world(world: World) -> dict[str, Any]:
    """What is there once a last process has dealt with what is left; times and ids that differ each time left out."""
    survivor = world.process()
    while await world.waiting():
        await world.deliver(survivor)
    await survivor.sweep_outbox()
    return {
        "records": await world.records(),
        "markers": [{**marker, "at": ""} for marker in await world.markers()],
        "outbox": await world.outbox(),
        "decisions": [{**decision, "at": "", "latency": 0} for decision in await world.decisions()],
        "insights": [{**insight, "time": ""} for insight in await world.insights()],
        "parked": await world.parked(),
    }


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
async def test_a_crash_after_any_step_leaves_no_trace(new_world: NewWorld, step: Step) -> None:
    # given: what the world is like without a crash
    event = customer(version=1)
    async with new_world() as calm:
        await calm.send(message(event))
        await calm.deliver(calm.process())
        expected = await settled_world(calm)

    # when
    async with new_world() as world:
        world.set(Outbox__olderThanSeconds=0.001)
        await world.send(message(event))
        with dying_after(step):
            await world.deliver(world.process())
        found = await settled_world(world)
        calls, counts = world.model.stats().calls, world.cosmos.counts()

    # then
    assert found == expected
    assert len(found["records"]) == len(found["markers"]) == len(found["decisions"]) == len(found["insights"]) == 1
    assert calls == (2 if step is CALL else 1), "only the answer that nobody wrote down is paid twice"
    assert counts["main/items"]["batches"] == 1, "the record was written once"


async def test_a_process_that_dies_after_every_step_in_turn_does_everything_once(world: World) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.001)
    await world.send(message(order()))

    # when
    for step in (RECEIVE, FIND_MARKER, CALL, RECORD, COMMIT):
        with dying_after(step):
            await world.deliver(world.process())
    for step in (PUBLISH, FORGET):
        with dying_after(step):
            await world.process().sweep_outbox()

    # then
    found = await settled_world(world)
    assert len(found["records"]) == len(found["markers"]) == len(found["decisions"]) == len(found["insights"]) == 1
    assert not found["outbox"]
    assert not found["parked"]
    assert world.model.stats().calls == 2


@pytest.mark.parametrize("model_recovers", [True, False], ids=["the model is back", "the model is still down"])
async def test_a_crash_after_scheduling_a_copy_leaves_one_copy(world: World, model_recovers: bool) -> None:
    # given
    world.model.turn(down=True)
    await world.send(message(order()))
    with dying_after(PUBLISH):
        await world.deliver(world.process())

    # when
    if model_recovers:
        world.model.turn(down=False)
    await world.deliver(world.process())
    world.model.turn(down=False)

    # then
    (copy,) = await world.deliver(world.process())
    assert copy.subject == "retry"
    found = await settled_world(world)
    assert len(found["records"]) == len(found["markers"]) == len(found["insights"]) == 1
    assert found["markers"][0]["attempt"] == (1 if model_recovers else 2)
    assert world.model.stats().calls == 1


async def test_a_crash_after_parking_parks_again_under_the_same_name(world: World) -> None:
    # given
    await world.send(message("no JSON"))
    with dying_after(PUBLISH):
        await world.deliver(world.process())

    # when
    await world.deliver(world.process())

    # then
    parked = await world.parked()
    assert len(parked) == 2, "dead-letters detects no duplicates, or a replay would be one"
    assert len({(one.message_id, one.properties["origin"], one.reason, one.body) for one in parked}) == 1
    assert not await world.waiting()


async def test_a_fault_of_ours_waits_for_its_mending_and_is_parked_with_its_class_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    async def faulty(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(service, "commit", faulty)
    await world.send(message(order()))

    # when
    world.set(Retry__attempts=3)
    process = world.process()
    await world.deliver(process, count=3)

    # then
    (dead,) = await world.parked()
    assert dead.reason == "retries-exhausted"
    assert "fault: ZeroDivisionError: a bug" in dead.properties["DeadLetterErrorDescription"]
    assert world.model.stats().calls == 1
    assert not await world.waiting()

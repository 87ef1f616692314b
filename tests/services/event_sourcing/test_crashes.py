"""A process that dies after any step leaves stream, views, approvals and announcements as if nothing had happened."""

from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage

from services.entities import ENTITY_COMMANDS, ENTITY_EVENTS, INSIGHTS
from services.event_sourcing.handler import SERVICE
from tests.services.event_sourcing.commands import PLACE, command, given_order, open_refund
from tests.services.kernel.test_crashes import CALL, STEPS, Step, dying_after
from tests.services.world import NewWorld, World

MOMENTS = frozenset({"at", "asked_at", "expires_at", "decided_at", "timestamp", "time", "latency"})


def timeless(content: Any) -> Any:
    """The same without what differs each time."""
    if isinstance(content, dict):
        return {key: "" if key in MOMENTS else timeless(value) for key, value in content.items()}
    return [timeless(each) for each in content] if isinstance(content, list) else content


async def settled_world(world: World) -> dict[str, Any]:
    """What is there once a last process has dealt with what is left. Messages may come twice, events do not."""
    survivor = world.start(SERVICE)
    await world.drain(survivor)
    await survivor.sweep_outbox()
    await world.drain(survivor)
    found = {container: await world.documents(container) for container in ("events", "views", "decisions")}
    heard_of = [document for document in found["views"] if document["kind"] == "inbox"]
    found["views"] = [document for document in found["views"] if document["kind"] != "inbox"]
    found["heard of"] = sorted(marker["event_key"] for marker in heard_of)  # which of them was late, chance decides
    heard = {topic.name: await world.events(topic) for topic in (ENTITY_COMMANDS, ENTITY_EVENTS, INSIGHTS)}
    ordered = {name: sorted(events, key=lambda event: str(event["id"])) for name, events in heard.items()}
    return timeless({**found, **ordered, "parked": await world.parked()})


def small() -> ServiceBusMessage:
    return open_refund({"id": "c-1"})


@pytest.mark.parametrize("total", ["40.00", "900.00"], ids=["approved and paid", "asks a person"])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
async def test_a_crash_after_any_step_of_a_command_leaves_no_trace(new_world: NewWorld, step: Step, total: str) -> None:
    # given: what the world is like without a crash
    async with new_world() as calm:
        await calm.send(small(), topic=PLACE)
        await calm.drain(await given_order(calm, total))
        expected = await settled_world(calm)

    # when
    async with new_world() as world:
        world.set(Outbox__olderThanSeconds=0.001)
        process = await given_order(world, total)
        await world.send(small(), topic=PLACE)
        with dying_after(step):
            await world.drain(process)
        found = await settled_world(world)
        calls = world.model.stats().calls

    # then
    assert found == expected
    assert not found["parked"]
    assert calls == (2 if step is CALL else 1), "only the answer that nobody wrote down is paid twice"


@pytest.mark.parametrize("step", ["call the model", "write the ledger", "commit"])
async def test_a_crash_during_a_what_if_leaves_one_comparison(new_world: NewWorld, step: str) -> None:
    # given
    asked = {"id": "w-1"}
    async with new_world() as calm:
        process = await given_order(calm)
        for one in (small(), command("what_if", asked, candidate="stricter")):
            await calm.send(one, topic=PLACE)
            await calm.drain(process)
        expected = await settled_world(calm)

    # when
    async with new_world() as world:
        world.set(Outbox__olderThanSeconds=0.001)
        process = await given_order(world)
        await world.send(small(), topic=PLACE)
        await world.drain(process)
        await world.send(command("what_if", asked, candidate="stricter"), topic=PLACE)
        with dying_after(STEPS[step]):
            await world.drain(process)
        found = await settled_world(world)

    # then
    assert found == expected
    assert len([document for document in found["events"] if document["kind"] == "comparison"]) == 1

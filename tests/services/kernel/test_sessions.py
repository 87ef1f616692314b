"""In a session nothing may be overtaken: what may succeed later waits within the lock, and never as a copy."""

from dataclasses import replace

import pytest

from services.inference.topology import AI_PROCESSOR
from tests.services.events import customer, message
from tests.services.world import World

IN_SESSION = replace(AI_PROCESSOR, topic=replace(AI_PROCESSOR.topic, sessions=True))
"""The same subscription as the kernel would see it on a session topic."""
DOWN = {"kind": "http_error", "status": 503}


async def test_in_a_session_an_event_waits_within_its_lock_until_the_model_is_back(world: World) -> None:
    # given
    world.set(Retry__baseSeconds=0.02)
    world.model.turn(faults=[{**DOWN, "next": 2}])
    await world.send(message(customer()))

    # when
    await world.deliver(world.process(), to=IN_SESSION)

    # then
    (marker,) = await world.markers()
    assert (marker["verdict"], marker["attempt"]) == ("committed", 3)
    assert await world.waiting() == 0
    assert len(await world.insights()) == 1


async def test_in_a_session_the_last_attempt_is_answered_by_the_rules(world: World) -> None:
    # given
    world.set(Retry__baseSeconds=0.02, Retry__attempts=3)
    world.model.turn(faults=[DOWN])
    await world.send(message(customer()))

    # when
    await world.deliver(world.process(), to=IN_SESSION)

    # then
    (decision,) = await world.decisions()
    assert (decision["source"], decision["why"]) == ("rules", "unavailable")
    assert await world.waiting() == 0


async def test_in_a_session_nobody_waits_longer_than_the_lock_can_be_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the model asks for more time than there is
    monkeypatch.setattr("services.kernel.service.IN_PLACE", 0.05)
    world.model.turn(faults=[{"kind": "rate_limited", "retry_after": 30}])
    await world.send(message(customer()))

    # when
    await world.deliver(world.process(), to=IN_SESSION)

    # then
    (decision,) = await world.decisions()
    assert (decision["source"], decision["why"]) == ("rules", "throttled")
    assert await world.waiting() == 0

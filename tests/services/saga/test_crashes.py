"""A saga that is killed at any moment finishes or compensates after a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.entities import ACCOUNTS, DECISIONS, INSIGHTS, SAGAS, STOCK
from services.saga.handler import SERVICE
from tests.services.events import message
from tests.services.kernel.test_crashes import CALL, COMMIT, PUBLISH, RECORD, STEPS, Step, dying_after
from tests.services.saga.shop import (
    account,
    analyzed,
    available,
    ended,
    holds,
    open_shop,
    play,
    put_account,
    put_order,
    saga,
    saga_of,
    values,
    what,
)
from tests.services.world import Died, World


@contextmanager
def dying_after_the(number: int, step: Step) -> Iterator[list[int]]:
    """Within, the process dies right after the so-manieth time that this step is done; tells how often it was."""
    owner, name = step
    original, count = getattr(owner, name), [0]

    def now_dies() -> bool:
        count[0] += 1
        return count[0] == number

    async def wait_and_die(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        if now_dies():
            raise Died
        return result

    def die(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if now_dies():
            raise Died
        return result

    import inspect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, wait_and_die if inspect.iscoroutinefunction(original) else die)
        yield count


async def run_killed_at(world: World, order_id: str, step: Step, number: int) -> bool:
    """Play an order, die at this moment, restart and go on; whether there was such a moment."""
    await world.send(message(analyzed(order_id)), topic=INSIGHTS.name)
    died = False
    with dying_after_the(number, step):
        try:
            await world.drain(world.start(SERVICE), patience=0.03)
        except Died:
            died = True
    survivor = world.start(SERVICE)
    await survivor.sweep_outbox()
    await world.drain(survivor, patience=0.03)
    await survivor.sweep_outbox()
    await world.drain(survivor, patience=0.03)
    return died


@pytest.mark.parametrize("funds", ["3000.00", "0.00"], ids=["completed", "compensated"])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
@pytest.mark.slow
async def test_a_saga_that_is_killed_at_any_moment_ends_as_if_nothing_had_happened(
    world: World, step: Step, funds: str
) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.0001)
    number, died = 0, True

    # when: at each moment of each message, one saga after another
    while died:
        number += 1
        await open_shop(world)
        await put_account(world, balance=funds)
        await put_order(world, f"O-{number}")
        died = await run_killed_at(world, f"O-{number}", step, number)

        # then
        await as_it_should_be(world, f"O-{number}", funds)
    moments = number - 1
    if step in (CALL, RECORD):
        assert moments == (1 if funds == "0.00" else 2), "each choice is one question"
    else:
        assert moments >= 8, "a saga has many messages"


@pytest.mark.parametrize(
    ("step", "number", "funds"),
    [(COMMIT, 4, "3000.00"), (PUBLISH, 5, "0.00"), (CALL, 1, "3000.00")],
    ids=["commit", "publish", "call"],
)
async def test_a_saga_that_is_killed_at_some_moments_ends_as_if_nothing_had_happened(
    world: World, step: Step, number: int, funds: str
) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.0001)
    await open_shop(world)
    await put_account(world, balance=funds)
    await put_order(world)

    # when
    died = await run_killed_at(world, "O-1", step, number)

    # then
    assert died
    await as_it_should_be(world, "O-1", funds)
    assert world.model.stats().calls <= len(await world.documents(DECISIONS.name)) + (step is CALL)


async def as_it_should_be(world: World, order_id: str, funds: str) -> None:
    """Stock, money, saga and insight as they are without a crash."""
    done = await saga(world, saga_of(order_id))
    paid = funds != "0.00"
    assert done["status"] == ("completed" if paid else "compensated"), what(done)
    assert (await available(world, "P-100"), await available(world, "P-110")) == ((3, 37) if paid else (5, 40))
    assert (await account(world))["balance"] == (2385 if paid else 0)
    status = {hold["status"] for hold in await holds(world) if hold["saga_id"] == saga_of(order_id)}
    assert status == {"done" if paid else "undone"}
    assert [subject for _, subject in await ended(world)].count(order_id) == 1
    entries = what(done)
    assert len(set(entries)) == len(entries), "nothing happened twice"
    assert not await world.parked()
    for container in (SAGAS, STOCK, ACCOUNTS):
        assert not await world.documents(container.name, "outbox")


async def test_a_saga_whose_process_dies_after_every_commit_still_ends_once(world: World) -> None:
    # given
    world.set(Outbox__olderThanSeconds=0.0001)
    await open_shop(world)
    await put_order(world)
    await world.send(message(analyzed()), topic=INSIGHTS.name)

    # when
    deaths = 0
    for _ in range(40):
        with dying_after_the(1, COMMIT) as counted:
            try:
                process = world.start(SERVICE)
                await process.sweep_outbox()
                await world.drain(process, patience=0.03)
            except Died:
                deaths += 1
        if not counted[0]:
            break

    # then
    assert deaths >= 10
    await as_it_should_be(world, "O-1", "3000.00")


async def test_dying_in_the_middle_of_a_commit_is_dying_before_it(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    before = await values(world)
    await world.send(message(analyzed()), topic=INSIGHTS.name)

    # when
    with dying_after(STEPS["find the marker"]):
        await world.drain(world.start(SERVICE))

    # then
    assert await values(world) == before
    await play(world)
    assert await ended(world) == [("saga_completed", "O-1")]

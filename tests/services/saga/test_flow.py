"""Sagas from the event that starts them to the insight that says how they ended."""

import pytest

from services.entities import ACCOUNTS, INSIGHTS, SAGA_STEPS
from tests.services.saga.shop import (
    account,
    analyzed,
    available,
    ended,
    feedback,
    holds,
    open_shop,
    play,
    put_account,
    put_order,
    refund,
    saga,
    saga_of,
    values,
    what,
)
from tests.services.world import World


async def test_an_order_is_reserved_paid_and_shipped(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)

    # when
    await play(world, analyzed())

    # then: stock and money have moved
    assert (await available(world, "P-100"), await available(world, "P-110")) == (3, 37)
    assert str((await account(world))["balance"]) == "2385.00"
    assert {(hold["step"], hold["status"]) for hold in await holds(world)} == {
        ("reserve_stock", "done"),
        ("take_payment", "done"),
        ("ship_order", "done"),
    }

    # then: the saga says so, in the article's names
    done = await saga(world)
    assert done["status"] == "completed"
    assert done["steps_completed"] == ["reserve_stock", "take_payment", "ship_order"]
    assert done["last_error"] is None
    assert what(done)[-1] == "completed"
    assert await ended(world) == [("saga_completed", "O-1")]
    assert not await world.parked()

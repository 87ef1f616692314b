import asyncio

import pytest

from services.kernel.locks import KeyedLocks


async def test_one_at_a_time_for_a_key_and_side_by_side_for_different_keys() -> None:
    # given
    locks, inside, most = KeyedLocks(), {"a": 0, "b": 0}, {"a": 0, "b": 0, "both": 0}

    async def work(key: str) -> None:
        async with locks.hold(key):
            inside[key] += 1
            most[key] = max(most[key], inside[key])
            most["both"] = max(most["both"], sum(inside.values()))
            await asyncio.sleep(0.001)
            inside[key] -= 1

    # when
    await asyncio.gather(*(work(key) for key in "aabbab"))

    # then
    assert most == {"a": 1, "b": 1, "both": 2}


async def test_a_holder_that_fails_or_is_cancelled_leaves_nothing_behind() -> None:
    # given
    locks, taken = KeyedLocks(), asyncio.Event()

    async def hold() -> None:
        async with locks.hold("a"):
            taken.set()
            await asyncio.sleep(60)

    holder = asyncio.create_task(hold())
    await taken.wait()
    waiting = asyncio.create_task(hold())
    await asyncio.sleep(0)

    # when
    waiting.cancel()
    holder.cancel()
    await asyncio.gather(holder, waiting, return_exceptions=True)
    with pytest.raises(ZeroDivisionError):
        async with locks.hold("a"):
            raise ZeroDivisionError

    # then
    assert not locks._held

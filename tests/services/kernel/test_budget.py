"""Tokens a day, counted in one document that all processes share."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local.cosmos.faults import Fault
from services.entities import BUDGETS
from services.kernel import connections
from services.kernel.budget import ASK_AGAIN, Budget, Level, today
from services.kernel.outcome import Retry
from services.kernel.settings import BudgetSettings
from services.kernel.store import Store
from tests.services.world import World


class Calendar:
    """A day and a clock that the test turns."""

    def __init__(self) -> None:
        self.day, self.now = "2026-11-22", 1000.0


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


NewBudget = Callable[..., Budget]


@pytest.fixture
def new_budget(world: World, calendar: Calendar) -> NewBudget:
    """A budget of another process each time."""

    def make(**limits: int) -> Budget:
        store = Store(connections.cosmos())
        settings = {"softTokensPerDay": 10_000, "hardTokensPerDay": 10_000, "blockTokens": 300} | limits
        return Budget(store, BudgetSettings.model_validate(settings), lambda: calendar.day, lambda: calendar.now)

    return make


async def level(budget: Budget, tokens: int, kind: str = "order_placed") -> Level:
    """Set aside for a call that never ends."""
    return (await budget.reserve(kind, tokens)).level


async def counted(world: World, day: str = "2026-11-22") -> int:
    """What is reserved of a day, as the shared document says."""
    return next((one["reserved"] for one in await world.documents(BUDGETS.name) if one["id"] == day), 0)


async def test_two_processes_together_never_reserve_beyond_the_hard_limit(world: World, new_budget: NewBudget) -> None:
    # given
    budgets = [new_budget(hardTokensPerDay=1000), new_budget(hardTokensPerDay=1000)]

    # when
    levels = await asyncio.gather(*(level(budget, 70) for budget in budgets for _ in range(20)))

    # then
    granted = sum(70 for each in levels if each != "hard")
    assert granted <= await counted(world) <= 1000
    assert granted > 1000 - 2 * 300, "what is there is given out, but for a rest of a block each"
    assert "hard" in levels


async def test_the_last_tokens_are_reserved_exactly_when_no_block_fits_any_more(
    world: World, new_budget: NewBudget
) -> None:
    budget = new_budget(hardTokensPerDay=450)
    levels = [await level(budget, 150) for _ in range(4)]
    assert levels == ["open", "open", "open", "hard"]
    assert await counted(world) == 450


async def test_a_block_costs_one_write_however_many_events_spend_it(world: World, new_budget: NewBudget) -> None:
    # given
    budget = new_budget(blockTokens=1000)
    await level(budget, 10)
    world.cosmos.reset_counts()

    # when
    for _ in range(90):
        await level(budget, 10)

    # then
    assert world.cosmos.counts() == {}


async def test_many_calls_that_begin_at_once_take_one_block_and_not_one_each(
    world: World, new_budget: NewBudget
) -> None:
    # given
    budget = new_budget(softTokensPerDay=600)

    # when
    levels = await asyncio.gather(*(level(budget, 20) for _ in range(15)))

    # then
    assert await counted(world) == 300
    assert set(levels) == {"open"}


async def test_each_kind_of_event_has_a_budget_of_its_own(world: World, new_budget: NewBudget) -> None:
    budget = new_budget(hardTokensPerDay=100)
    assert await level(budget, 100) == "open"
    assert await level(budget, 1) == "hard"
    assert await level(budget, 100, "feedback_received") == "open"


async def test_past_the_soft_limit_a_smaller_model_should_answer(world: World, new_budget: NewBudget) -> None:
    budget = new_budget(softTokensPerDay=300, hardTokensPerDay=900)
    assert [await level(budget, 150) for _ in range(4)] == ["open", "open", "soft", "soft"]


async def test_what_a_call_did_not_use_is_there_for_the_next_and_what_it_used_more_is_paid(
    world: World, new_budget: NewBudget
) -> None:
    # given
    budget = new_budget(hardTokensPerDay=300)
    first = await budget.reserve("order_placed", 300)
    assert first.level == "open"

    # when: 100 of 300 were used, and then 250 instead of 200
    first.settle(100)
    second = await budget.reserve("order_placed", 200)
    assert second.level == "open"
    second.settle(250)

    # then
    assert await level(budget, 1) == "hard"
    assert await counted(world) == 300


async def test_what_is_given_back_is_there_for_others(world: World, new_budget: NewBudget, calendar: Calendar) -> None:
    # given
    one, other = new_budget(hardTokensPerDay=300), new_budget(hardTokensPerDay=300)
    await level(one, 100)
    assert await level(other, 100) == "hard"

    # when
    await one.give_back()
    assert await counted(world) == 100

    # then: who was refused asks again after a while, not for each event
    assert await level(other, 100) == "hard"
    calendar.now += ASK_AGAIN
    assert await level(other, 100) == "open"
    assert await level(one, 150) == "hard"


async def test_who_was_refused_does_not_ask_for_each_event(world: World, new_budget: NewBudget) -> None:
    # given
    budget = new_budget(hardTokensPerDay=0)
    assert await level(budget, 10) == "hard"
    world.cosmos.reset_counts()

    # when
    levels = {await level(budget, 10) for _ in range(50)}

    # then
    assert levels == {"hard"}
    assert world.cosmos.counts() == {}


async def test_what_is_reserved_while_something_is_given_back_is_not_given_back(
    world: World, new_budget: NewBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: while the store takes back what is left, a call reserves
    budget = new_budget(hardTokensPerDay=300)
    await level(budget, 100)
    patch = budget._patch

    async def slow(*arguments: Any, **named: Any) -> Any:
        result = await patch(*arguments, **named)
        monkeypatch.setattr(budget, "_patch", patch)
        await asyncio.sleep(0.02)
        return result

    monkeypatch.setattr(budget, "_patch", slow)

    # when
    returning = asyncio.create_task(budget.give_back())
    await asyncio.sleep(0.01)
    given = await level(budget, 150)
    await returning

    # then: 100 and 150 are out
    assert given == "open"
    assert await counted(world) >= 250


async def test_what_could_not_be_given_back_is_lost_to_the_day_rather_than_spent_twice(
    world: World, new_budget: NewBudget
) -> None:
    # given
    budget = new_budget(hardTokensPerDay=600)
    await level(budget, 100)
    world.cosmos.fail(Fault(status=503, count=1000))
    await budget.give_back()

    # when
    world.recover()

    # then
    assert await level(budget, 300) == "open"
    assert await level(budget, 1) == "hard"
    assert await counted(world) == 600


async def test_a_process_that_asks_nothing_for_a_while_gives_back_what_it_holds(
    world: World, new_budget: NewBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("services.kernel.budget.IDLE", 0.05)
    budget = new_budget(hardTokensPerDay=600)
    reserved = await budget.reserve("order_placed", 100)

    # when
    reserved.settle(40)
    await asyncio.sleep(0.3)

    # then
    assert await counted(world) == 40


def test_a_block_is_a_small_part_of_the_day_unless_it_is_set() -> None:
    assert BudgetSettings(hardTokensPerDay=500_000).at_once == 5_000
    assert BudgetSettings(hardTokensPerDay=50_000_000).at_once == 20_000
    assert BudgetSettings(hardTokensPerDay=0).at_once == 1
    assert BudgetSettings(hardTokensPerDay=500, blockTokens=300).at_once == 300


async def test_every_day_has_a_budget_of_its_own(world: World, new_budget: NewBudget, calendar: Calendar) -> None:
    # given
    budget = new_budget(hardTokensPerDay=300)
    assert await level(budget, 300) == "open"
    assert await level(budget, 1) == "hard"

    # when
    calendar.day = "2026-11-23"

    # then
    assert await level(budget, 300) == "open"
    assert await counted(world, "2026-11-22") == await counted(world, "2026-11-23") == 300


async def test_what_was_reserved_yesterday_is_not_spent_today(
    world: World, new_budget: NewBudget, calendar: Calendar
) -> None:
    # given: a call that began before midnight
    budget = new_budget(hardTokensPerDay=300)
    yesterday = await budget.reserve("order_placed", 300)
    calendar.day = "2026-11-23"
    await level(budget, 300)

    # when: it ends after midnight and has used little
    yesterday.settle(50)

    # then
    assert await level(budget, 100) == "hard"


async def test_a_new_kind_of_event_while_something_is_given_back_disturbs_nothing(
    world: World, new_budget: NewBudget
) -> None:
    # given
    budget = new_budget()
    for kind in ("order_placed", "feedback_received"):
        await level(budget, 10, kind)

    # when
    await asyncio.gather(budget.give_back(), level(budget, 10, "customer_created"))

    # then
    assert sorted(one["reserved"] for one in await world.documents(BUDGETS.name)) == [10, 10, 300]


async def test_a_budget_whose_store_is_out_of_reach_makes_the_event_wait(world: World, new_budget: NewBudget) -> None:
    world.cosmos.fail(Fault(status=429, retryAfterMs=1, count=1000))
    with pytest.raises(Retry, match="store-busy"):
        await new_budget().reserve("order_placed", 10)


def test_a_day_begins_at_midnight_utc() -> None:
    assert today() == datetime.now(UTC).strftime("%Y-%m-%d")

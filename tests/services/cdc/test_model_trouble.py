"""The model is down, slow, busy, wrong or too dear: no change is lost, and what answered instead is written down."""

from typing import Any

import pytest

from services.cdc.handler import SERVICE
from services.entities import BUDGETS
from services.kernel.budget import today
from tests.services.cdc.changes import detected, order, seen, versions
from tests.services.world import World


async def answered(world: World) -> tuple[str, str]:
    """Who answered the last question, and why not the model."""
    last = max(await world.decisions(), key=lambda decision: decision["at"])
    return last["source"], last["why"]


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"down": True}, "unavailable"),
        ({"down": "refused"}, "unreachable"),
        ({"latency": 2}, "timeout"),
        ({"faults": [{"kind": "rate_limited", "retry_after": 0.01}]}, "throttled"),
    ],
    ids=["down", "refused", "slow", "busy"],
)
async def test_a_model_that_stays_away_is_waited_for_within_the_session_and_the_rules_answer_in_the_end(
    world: World, trouble: dict[str, Any], why: str
) -> None:
    # given
    world.set(Retry__baseSeconds=0.01, Retry__attempts=3, Model__timeoutSeconds=0.1)
    await seen(world, world.start(SERVICE), order())
    world.model.turn(**trouble)

    # when
    await seen(world, world.start(SERVICE), order(status="overdue"))

    # then
    assert await answered(world) == ("rules", why)
    (insight,) = await detected(world)
    assert (insight["source"], insight["trigger_workflow"]) == ("rules", True)
    assert not await world.parked()


async def test_a_model_that_comes_back_in_time_answers(world: World) -> None:
    # given
    world.set(Retry__baseSeconds=0.01)
    await seen(world, world.start(SERVICE), order())
    world.model.turn(faults=[{"kind": "http_error", "status": 503, "next": 2}])

    # when
    await seen(world, world.start(SERVICE), order(status="overdue"))

    # then
    assert await answered(world) == ("model", "")
    assert max(marker["attempt"] for marker in await world.documents("item-versions", "inbox")) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": "I would say it matters."},
        {"significant_change": True},
        {
            "significant_change": False,
            "change_type": "escalation",
            "trigger_workflow": True,
            "reason": "because",
            "confidence": "high",
        },
        {"fault": "truncated"},
        {"fault": "refusal"},
        {"fault": "content_filter"},
    ],
    ids=["garbage", "half an answer", "illegal", "truncated", "refused", "filtered"],
)
async def test_an_answer_that_is_none_gives_way_to_the_rules(world: World, wrong: dict[str, Any]) -> None:
    # given: a change that may not start a workflow
    process = world.start(SERVICE)
    await seen(world, process, order())
    world.model.script("change_significance", wrong, times="always")

    # when
    await seen(world, process, order(total="99"))

    # then
    source, why = await answered(world)
    assert source == "rules"
    assert why in ("invalid-answer", "truncated", "refused", "content-filter")
    (insight,) = await detected(world)
    assert (insight["change_type"], insight["trigger_workflow"]) == ("update", False)
    assert (await versions(world))[0]["decided"]["source"] == "rules"


async def test_when_the_days_budget_is_spent_the_rules_answer_without_a_call(world: World) -> None:
    # given
    await seen(world, world.start(SERVICE), order())
    asked = world.model.stats().calls
    spent = {"id": today(), BUDGETS.partition_key: "item_changed", "reserved": 10**9}
    await world.put(BUDGETS.name, spent)
    world.set(Budget__blockTokens=100)

    # when
    await seen(world, world.start(SERVICE), order(status="overdue"))

    # then
    assert await answered(world) == ("rules", "budget")
    assert world.model.stats().calls == asked
    assert len(await detected(world)) == 1


async def test_past_the_soft_budget_the_economy_model_answers(world: World) -> None:
    # given
    world.set(Budget__softTokensPerDay=1)

    # when
    await seen(world, world.start(SERVICE), order())

    # then
    (decision,) = await world.decisions()
    assert decision["model"] == world.setting("Model__economy")

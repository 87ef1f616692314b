"""The model is down, slow, busy, wrong or too dear: no event is dropped, and what answered instead is written down."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from services.inference.topology import AI_PROCESSOR
from services.kernel import service
from services.kernel.ask import Asker
from services.kernel.breaker import Breaker
from services.kernel.delivery import ATTEMPT, SPENT
from tests.services.events import message, order
from tests.services.probe import LISTENS, PROBE, YES, ask, probed, reacting
from tests.services.world import World, app_of

JUDGED = {"risk": "high", "fulfilment_priority": "low", "reasons": ["unusual_notes"], "confidence": "high"}
"""Legal, and not what the rules say."""


async def decision(world: World) -> tuple[str, str, int]:
    """Who decided, why not the model, after how many calls."""
    (entry,) = await world.decisions()
    return entry["source"], entry["why"], entry["calls"]


@pytest.mark.parametrize(
    "trouble",
    [
        {"down": True},
        {"down": "refused"},
        {"latency": 2},
        {"faults": [{"kind": "http_error", "status": 500}]},
        {"faults": [{"kind": "rate_limited", "retry_after": 0.05}]},
        {"faults": [{"kind": "reset"}]},
        {"faults": [{"kind": "http_error", "status": 401}]},
        {"faults": [{"kind": "http_error", "status": 404}]},
    ],
    ids=["503", "refused", "slow", "500", "429", "reset", "401: no role yet", "404: no deployment yet"],
)
async def test_what_may_pass_is_tried_again_later(world: World, trouble: dict[str, Any]) -> None:
    # given
    world.set(Model__timeoutSeconds=0.2)
    process = world.process()
    await world.send(message(order()))
    world.model.turn(**trouble)
    await world.deliver(process)
    assert not await world.documents()
    assert not await world.decisions()

    # when
    world.model.reset()
    world.model.turn(differs=0)
    (copy,) = await world.deliver(process)

    # then
    assert (copy.subject, copy.to) == ("retry", "ai-processor")
    assert await decision(world) == ("model", "", 1)
    (marker,) = await world.markers()
    assert (marker["verdict"], marker["attempt"]) == ("committed", 2)
    assert not await world.parked()


@pytest.mark.parametrize("cap", [600, 0.1], ids=["", "longer than our own cap"])
async def test_a_copy_is_scheduled_no_earlier_than_the_model_asks(world: World, cap: float) -> None:
    # given
    world.set(Retry__capSeconds=cap)
    world.model.script("order_risk", {"status": 429, "retry_after": 0.3})
    await world.send(message(order()))
    process = world.process()
    (original,) = await world.receive()

    # when
    asked = time.monotonic()
    await world._deliver(process, original, AI_PROCESSOR)
    await world.deliver(process)

    # then
    assert time.monotonic() - asked >= 0.3
    assert await decision(world) == ("model", "", 1)


@pytest.mark.parametrize("fault", ["invalid_json", "schema_violation", "illegal_value"])
async def test_an_answer_that_is_not_valid_is_repaired_once(world: World, fault: str) -> None:
    # given
    world.model.turn(faults=[{"kind": fault, "next": 1}])

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then: both calls are paid for and written down
    assert await decision(world) == ("model", "", 2)
    (entry,) = await world.decisions()
    assert entry["tokens"]["input"] == world.model.stats().tokens.prompt
    assert [call.repair for call in world.model.stats().asked] == [False, True]


@pytest.mark.parametrize(
    ("fault", "why", "calls"),
    [
        ({"kind": "invalid_json"}, "invalid-answer", 2),
        ({"kind": "schema_violation"}, "invalid-answer", 2),
        ({"kind": "illegal_value"}, "invalid-answer", 2),
        ({"kind": "truncated"}, "truncated", 1),
        ({"kind": "refusal"}, "refused", 1),
        ({"kind": "content_filter"}, "content-filter", 1),
        ({"kind": "prompt_filtered"}, "content-filter", 0),
        ({"kind": "http_error", "status": 400}, "request-refused", 0),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)
async def test_what_would_come_again_is_answered_by_the_rules_and_marked(
    world: World, fault: dict[str, Any], why: str, calls: int
) -> None:
    # given
    world.model.turn(faults=[fault])

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    assert await decision(world) == ("rules", why, calls)
    (insight,) = await world.insights()
    assert (insight["data"]["source"], insight["data"]["risk"]) == ("rules", "low")
    (record,) = await world.records()
    assert record["decided_by"]["source"] == "rules"
    assert not await world.parked()


async def test_an_answer_beyond_what_is_legal_is_never_taken(world: World) -> None:
    # given: for an order of this size low risk is not on the list
    world.model.script("order_risk", {**JUDGED, "risk": "low"}, times="always")
    line = {"product_id": "P-300", "quantity": 1, "unit_price": 8900}

    # when
    await world.send(message(order(items=[line])))
    await world.deliver(world.process())

    # then
    assert await decision(world) == ("rules", "invalid-answer", 2)
    (record,) = await world.records()
    assert record["risk"] == "high"


async def test_the_last_attempt_is_answered_by_the_rules(world: World) -> None:
    # given
    world.set(Retry__attempts=2)
    world.model.turn(down=True)
    process = world.process()

    # when
    await world.send(message(order()))
    await world.deliver(process, count=2)

    # then
    assert await decision(world) == ("rules", "unavailable", 0)
    (marker,) = await world.markers()
    assert marker["attempt"] == 2
    assert not await world.parked()


async def test_a_spent_budget_leaves_the_rules_and_calls_nobody(world: World) -> None:
    # given
    world.set(Budget__hardTokensPerDay=0)

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    assert await decision(world) == ("rules", "budget", 0)
    assert not world.model.stats().asked
    (insight,) = await world.insights()
    assert insight["data"]["source"] == "rules"


async def test_a_budget_that_nears_its_end_asks_the_economy_model(world: World) -> None:
    # given
    world.set(Budget__softTokensPerDay=0)

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    assert [call.model for call in world.model.stats().asked] == [
        app_of(world.plan, "inference").declared["Model__economy"]
    ]
    assert await decision(world) == ("model", "", 1)


@pytest.mark.parametrize(
    "fault", [{"kind": "rate_limited", "retry_after": 0.01}, {"kind": "http_error", "status": 403}]
)
async def test_a_model_that_is_busy_or_does_not_know_us_yet_is_waited_for_and_not_replaced_by_rules(
    world: World, fault: dict[str, Any]
) -> None:
    # given: more trouble in a row than would open the breaker
    process = world.process()
    world.model.turn(faults=[{**fault, "next": 8}])
    for number in range(8):
        await world.send(message(order(order_id=f"O-{number}")))

    # when
    await world.deliver(process, count=8)
    await world.deliver(process, count=8)

    # then
    assert [entry["source"] for entry in await world.decisions()] == ["model"] * 8


async def test_a_model_that_keeps_failing_is_left_alone_until_a_probe_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    now = 0.0

    class Watched(Asker):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, breaker=lambda: Breaker(failures=2, rest=30, clock=lambda: now))

    monkeypatch.setattr(service, "Asker", Watched)
    process = world.process()
    world.model.turn(down=True)
    world.set(Retry__baseSeconds=60)

    async def sources(*orders: str) -> list[str]:
        for order_id in orders:
            await world.send(message(order(order_id=order_id)))
            await world.deliver(process)
        return [entry["why"] or entry["source"] for entry in sorted(await world.decisions(), key=lambda one: one["at"])]

    # when: two fail, and wait for their turn; the third is not even tried
    assert await sources("O-1", "O-2", "O-3") == ["breaker-open"]
    assert world.model.stats().outcomes["down"] == 2

    # then: while it rests, nobody asks, though the model is back
    world.model.turn(down=False)
    now = 29.0
    assert await sources("O-4") == ["breaker-open", "breaker-open"]

    # then: the probe finds it well
    now = 30.0
    assert await sources("O-5", "O-6") == ["breaker-open", "breaker-open", "model", "model"]


@pytest.mark.parametrize(
    ("setting", "trouble", "reason"),
    [
        ({}, {"down": True}, "unavailable"),
        ({}, {"faults": [{"kind": "refusal"}]}, "refused"),
        ({"Budget__hardTokensPerDay": 0}, {}, "budget"),
    ],
    ids=["down", "refused", "no budget"],
)
async def test_a_question_that_rules_cannot_answer_waits_and_is_parked_in_the_end(
    world: World, setting: dict[str, Any], trouble: dict[str, Any], reason: str
) -> None:
    # given
    world.set(Retry__attempts=3, **setting)
    world.model.turn(**trouble)
    process = world.process(PROBE, reacting(ask))

    # when
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(process, count=3, to=LISTENS)

    # then
    (parked,) = await world.parked()
    assert parked.reason == "no-answer"
    assert f"weighty needs a model, and {reason}: " in parked.description
    assert parked.properties["attempt"] == 3
    assert parked.properties["exception"] == "ModelTrouble"
    assert not await world.documents()
    assert not await world.decisions()


async def test_a_question_that_rules_cannot_answer_is_answered_when_the_model_is_back(world: World) -> None:
    # given
    world.model.turn(down=True)
    process = world.process(PROBE, reacting(ask))
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(process, to=LISTENS)

    # when
    world.model.turn(down=False)
    world.model.script("weighty", YES)
    await world.deliver(process, to=LISTENS)

    # then: the large model was asked
    assert [call.model for call in world.model.stats().asked] == [
        app_of(world.plan, "inference").declared["Model__large"]
    ]
    (record,) = await world.records()
    assert record["verdict"] == "yes"


async def test_attempts_that_cost_too_many_tokens_together_are_the_last(world: World) -> None:
    # given: each attempt is two calls, both paid for in vain
    world.set(Retry__tokens=900, Retry__attempts=9)
    world.model.turn(faults=[{"kind": "invalid_json"}])
    process = world.process(PROBE, reacting(ask))

    # when
    await world.send(message(probed(), subject="order_placed"))
    spent, over = 0, False
    while not await world.parked():
        await world.deliver(process, to=LISTENS)
        tokens = world.model.stats().tokens
        assert spent <= 900 or not over, "more than one attempt, the last, after the tokens were spent"
        over = over or spent > 900
        spent = tokens.prompt + tokens.completion

    # then
    (parked,) = await world.parked()
    assert parked.reason == "no-answer", "rules do not suffice, or they would have answered at the last attempt"
    assert "invalid-answer" in parked.description
    assert 1 < parked.properties["attempt"] < 9


async def test_the_rules_answer_once_the_tokens_of_an_event_are_spent(world: World) -> None:
    # given: an event whose earlier attempts cost more than they may
    world.set(Retry__tokens=100)
    world.model.turn(down=True)
    await world.send(message(order(), application_properties={SPENT: 101, ATTEMPT: 2}))

    # when
    await world.deliver(world.process())

    # then
    assert (await decision(world))[:2] == ("rules", "unavailable")


async def test_an_answer_that_trickles_in_is_too_slow_all_the_same(world: World) -> None:
    # given: bytes come often enough for the client, but the whole takes too long
    stop, ended = asyncio.Event(), asyncio.Event()

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        with suppress(ConnectionError):
            while not stop.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world.set(Model__timeoutSeconds=0.3, Model__endpoint=f"http://127.0.0.1:{port}/v1")
    await world.send(message(order()))
    process = world.process()

    # when
    began = time.monotonic()
    await world.deliver(process)

    # then
    assert time.monotonic() - began < 2
    assert not await world.decisions()
    stop.set()
    await ended.wait()
    server.close()
    await server.wait_closed()

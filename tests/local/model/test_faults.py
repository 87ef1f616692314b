"""Every way to go wrong, as the official client meets it; and what is counted of it."""

import asyncio
import time
from typing import Any

import pytest
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    BadRequestError,
    ContentFilterFinishReasonError,
    InternalServerError,
    LengthFinishReasonError,
    RateLimitError,
)
from pydantic import ValidationError

from local.model.server import ModelStandIn
from tests.local.model.worlds import QUESTION, SOBER, Segment, answer, ask, messages


async def parse(client: AsyncOpenAI) -> Any:
    return await client.chat.completions.parse(
        model="small", messages=messages({"n": 1}), response_format=Segment, max_completion_tokens=2000
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "rate_limited", "retry_after": 2.5}, RateLimitError),
        ({"kind": "http_error"}, InternalServerError),
        ({"kind": "http_error", "status": 503, "retry_after": 1}, InternalServerError),
        ({"kind": "http_error", "status": 408}, APIStatusError),
        ({"kind": "timeout"}, APITimeoutError),
        ({"kind": "reset"}, APIConnectionError),
        ({"kind": "invalid_json"}, ValidationError),
        ({"kind": "schema_violation"}, ValidationError),
        ({"kind": "illegal_value"}, ValidationError),
        ({"kind": "truncated"}, LengthFinishReasonError),
        ({"kind": "content_filter"}, ContentFilterFinishReasonError),
        ({"kind": "prompt_filtered"}, BadRequestError),
    ],
    ids=lambda value: value["kind"] + str(value.get("status", "")) if isinstance(value, dict) else "",
)
async def test_a_fault_reaches_the_client_as_the_error_it_is_there_and_the_next_call_is_well(
    stand_in: ModelStandIn, client: AsyncOpenAI, fault: dict[str, Any], error: type[Exception]
) -> None:
    stand_in.turn(faults=[{**fault, "next": 1}])
    impatient = client.with_options(timeout=0.15) if fault["kind"] == "timeout" else client

    with pytest.raises(error):
        await parse(impatient)

    assert (await parse(client)).choices[0].message.parsed
    assert stand_in.stats().outcomes == {fault["kind"]: 1, "answered": 1}
    free = stand_in.stats().asked[0].tokens.prompt == 0
    assert free == (fault["kind"] in ("rate_limited", "http_error", "reset", "prompt_filtered"))


async def test_a_rate_limit_says_in_both_headers_how_long_to_wait(stand_in: ModelStandIn, client: AsyncOpenAI) -> None:
    stand_in.turn(faults=[{"kind": "rate_limited", "retry_after": 2.5}])

    with pytest.raises(RateLimitError) as limited:
        await ask(client)

    assert limited.value.response.headers["retry-after"] == "3"
    assert limited.value.response.headers["retry-after-ms"] == "2500"
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.response.headers["x-ratelimit-limit-requests"]


async def test_the_clients_own_retries_get_through_a_fault_for_the_next_call(
    stand_in: ModelStandIn, client: AsyncOpenAI
) -> None:
    stand_in.turn(faults=[{"kind": "rate_limited", "retry_after": 0.01, "next": 1}])

    assert answer(await ask(client.with_options(max_retries=1))) == SOBER


async def test_a_filtered_prompt_has_the_code_by_which_azure_names_it(
    stand_in: ModelStandIn, client: AsyncOpenAI
) -> None:
    stand_in.turn(faults=[{"kind": "prompt_filtered"}])

    with pytest.raises(BadRequestError) as filtered:
        await ask(client)

    assert filtered.value.code == "content_filter"


async def test_a_refusal_has_no_content(stand_in: ModelStandIn, client: AsyncOpenAI) -> None:
    stand_in.turn(faults=[{"kind": "refusal"}])

    message = (await parse(client)).choices[0].message

    assert message.refusal == "I'm sorry, I can't assist with that request."
    assert message.content is None
    assert message.parsed is None


async def test_an_answer_that_comes_too_late_comes_all_the_same_to_who_waits(
    stand_in: ModelStandIn, client: AsyncOpenAI
) -> None:
    stand_in.turn(latency=0.05, faults=[{"kind": "timeout", "seconds": 0.1}])
    started = time.monotonic()

    assert answer(await ask(client)) == SOBER
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(("down", "error"), [(True, InternalServerError), ("refused", APIConnectionError)])
async def test_a_model_that_is_down_answers_nobody_until_it_is_up_again(
    stand_in: ModelStandIn, client: AsyncOpenAI, down: object, error: type[Exception]
) -> None:
    stand_in.turn(down=down)
    with pytest.raises(error):
        await ask(client)
    with pytest.raises(error):
        await client.models.list()

    stand_in.turn(down=False)

    assert answer(await ask(client)) == SOBER
    assert stand_in.stats().outcomes == {"down": 2, "answered": 1}
    assert stand_in.stats().calls == 1


async def test_scripted_answers_come_before_faults_and_count_as_scripted(
    stand_in: ModelStandIn, client: AsyncOpenAI
) -> None:
    stand_in.turn(faults=[{"kind": "http_error"}])
    stand_in.script(QUESTION, {"risk": "none"}, {"status": 429}, {"fault": "refusal"}, {"content": "no json"})

    assert answer(await ask(client)) == {"risk": "none"}
    with pytest.raises(RateLimitError):
        await ask(client)
    assert (await ask(client)).choices[0].message.refusal
    assert (await ask(client)).choices[0].message.content == "no json"
    with pytest.raises(InternalServerError):
        await ask(client)
    assert stand_in.stats().sources == {"scripted": 4, "none": 1}


async def test_a_script_for_certain_facts_leaves_the_others_alone(stand_in: ModelStandIn, client: AsyncOpenAI) -> None:
    stand_in.script(QUESTION, {"risk": "none"}, match={"id": 2}, times="always")

    answers = [answer(await ask(client, {"id": number})) for number in (1, 2, 3, 2)]

    assert answers == [SOBER, {"risk": "none"}, SOBER, {"risk": "none"}]


async def test_the_figures_show_how_many_calls_were_under_way_at_once(
    stand_in: ModelStandIn, client: AsyncOpenAI
) -> None:
    stand_in.turn(latency=1)

    calls = [asyncio.create_task(ask(client, {"n": n})) for n in range(5)]
    for _ in range(90):  # on a busy machine they do not arrive at once
        under_way = stand_in.stats()
        if under_way.concurrent == len(calls):
            break
        await asyncio.sleep(0.01)
    await asyncio.gather(*calls)

    assert (under_way.concurrent, under_way.peak) == (5, 5)
    stand_in.reset_stats()
    assert (stand_in.stats().concurrent, stand_in.stats().peak) == (0, 0)


async def test_a_call_names_its_question_its_facts_and_its_event(stand_in: ModelStandIn, client: AsyncOpenAI) -> None:
    await ask(client, {"event_key": "order-1", "n": 1})
    await ask(client, {"n": 1, "event_key": "order-1"})
    await ask(client, {"n": 2}, extra_headers={"X-Client-Request-Id": "order-2"})

    first, same, other = stand_in.stats().asked
    assert first.facts == same.facts != other.facts
    assert [call.event for call in (first, same, other)] == ["order-1", "order-1", "order-2"]
    assert {call.question for call in (first, same, other)} == {QUESTION}
    assert stand_in.stats().tokens.prompt == sum(call.tokens.prompt for call in (first, same, other))


async def test_a_client_that_leaves_is_not_waited_for_and_neither_is_a_stop(client: AsyncOpenAI) -> None:
    async with ModelStandIn(key=client.api_key) as stand_in:
        stand_in.turn(latency=60)
        patient = client.with_options(base_url=stand_in.base_url, timeout=30)
        with pytest.raises(APITimeoutError):
            await ask(patient.with_options(timeout=0.1))
        await asyncio.sleep(0.05)
        assert stand_in.stats().concurrent == 0

        waiting = asyncio.create_task(ask(patient))
        await asyncio.sleep(0.1)
        started = time.monotonic()

    assert time.monotonic() - started < 1
    await asyncio.wait([waiting])
    assert waiting.exception() is None

"""The share of answers that differ, and that each stays what it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.model.answering import Answerer
from local.model.knobs import Board, Knobs
from local.model.request import Ask, read_ask
from local.model.script import Scripts
from tests.local.model.worlds import QUESTION, SOBER, messages, response_format, rules

ROOT = Path(__file__).parents[3]


def body(number: int, name: str = QUESTION) -> bytes:
    request = {"model": "small", "messages": messages({"n": number}), "response_format": response_format(name=name)}
    return json.dumps(request).encode()


def asked(number: int, name: str = QUESTION) -> Ask:
    return read_ask(body(number, name), lambda _: "gpt-5.4-mini-2026-03-17")


def answers(numbers: list[int], seed: int = 0, differs: float = 0.15) -> dict[int, str]:
    answerer = Answerer({QUESTION: rules}, Board(Knobs(seed=seed, differs=differs)), Scripts())
    return {number: answerer.say(asked(number)).content or "" for number in numbers}


def test_about_fifteen_in_a_hundred_answers_differ_from_the_rules() -> None:
    said = answers(list(range(1000)))

    others = [json.loads(text) for text in said.values() if json.loads(text) != SOBER]
    assert 120 <= len(others) <= 180
    changed = [sum(other[key] != SOBER[key] for key in SOBER) for other in others]
    assert set(changed) == {1}
    assert {key for other in others for key in SOBER if other[key] != SOBER[key]} == {
        "segment",
        "approved",
        "confidence",
    }


def test_an_answer_depends_on_seed_question_and_facts_but_not_on_the_order_of_the_calls() -> None:
    forward, backward = answers(list(range(200))), answers(list(reversed(range(200))))

    assert forward == backward
    assert forward != answers(list(range(200)), seed=1)


@pytest.mark.parametrize(("differs", "others"), [(0, 0), (1, 100)])
def test_the_share_can_be_nothing_or_all(differs: float, others: int) -> None:
    said = answers(list(range(100)), differs=differs)

    assert sum(json.loads(text) != SOBER for text in said.values()) == others


ELSEWHERE = f"""
import json, sys
from local.model.answering import Answerer
from local.model.knobs import Board, Knobs
from local.model.request import read_ask
from local.model.script import Scripts

answerer = Answerer({{{QUESTION!r}: lambda facts: {SOBER!r}}}, Board(Knobs()), Scripts())
for line in sys.stdin:
    print(answerer.say(read_ask(line.encode(), lambda name: name)).content)
"""


def test_another_process_gives_the_same_answers() -> None:
    elsewhere = subprocess.run(  # our own module
        [sys.executable, "-c", ELSEWHERE],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "5"},
        input="\n".join(body(number).decode() for number in range(100)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert elsewhere.stdout.splitlines() == list(answers(list(range(100))).values())


def test_an_unknown_question_is_stable_too() -> None:
    said = [Answerer({}, Board(Knobs()), Scripts()).say(asked(3, "unheard_of")).content for _ in range(2)]

    assert said[0] == said[1]

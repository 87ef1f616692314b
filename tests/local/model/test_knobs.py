"""Knobs and scripts as data: what is allowed, what is drawn, what is left."""

from typing import Any

import pytest
from pydantic import ValidationError

from local.model.knobs import Board, Fault, Knobs, explain
from local.model.script import Raw, Script, Scripts


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"latencyy": 1}, "latencyy: there is no such field; there are: latency, jitter, seed, differs, faults"),
        ({"latency": -1}, "latency: Input should be greater than or equal to 0 (got -1)"),
        ({"latency": "soon"}, "latency: Input should be a valid number"),
        ({"differs": 1.5}, "differs: Input should be less than or equal to 1 (got 1.5)"),
        ({"down": "yes"}, "down"),
        ({"obey": "sometimes"}, "Input should be 'illegal' (got 'sometimes')"),
        ({"faults": [{"kind": "earthquake"}]}, "faults.0.kind: Input should be 'rate_limited', 'http_error'"),
        ({"faults": [{"kind": "reset", "share": 0.1, "next": 2}]}, "faults.0: give either share or next, not both"),
        (
            {"faults": [{"kind": "reset", "often": 2}]},
            "faults.0.often: there is no such field; there are: kind, share, next",
        ),
        (
            {"faults": [{"kind": "http_error", "status": 200}]},
            "faults.0.status: Input should be greater than or equal to 400",
        ),
    ],
)
def test_a_knob_that_is_not_allowed_is_named_with_its_value_and_what_is(knobs: dict[str, Any], sentence: str) -> None:
    board = Board(Knobs(latency=0.5))

    with pytest.raises(ValidationError) as error:
        board.turn(knobs)

    assert sentence in explain(error.value, "knobs", Knobs)
    assert board.knobs == Knobs(latency=0.5)


def test_a_fault_for_the_next_calls_is_used_up_by_them() -> None:
    board = Board(Knobs(faults=(Fault(kind="reset", next=2), Fault(kind="refusal", question="other"))))

    met = [board.fault("mine") for _ in range(4)]

    assert [fault and fault.kind for fault in met] == ["reset", "reset", None, None]
    assert board.fault("other") == Fault(kind="refusal", question="other")


def test_turning_another_knob_leaves_the_count_of_a_fault_alone_and_setting_it_starts_anew() -> None:
    board = Board(Knobs())
    board.turn({"faults": [{"kind": "reset", "next": 1}]})
    assert board.fault("q") is not None

    board.turn({"latency": 0.1})
    assert board.fault("q") is None

    board.turn({"faults": [{"kind": "reset", "next": 1}]})
    assert board.fault("q") is not None


def test_a_share_of_the_calls_meets_a_fault_and_the_seed_decides_which() -> None:
    def met(seed: int) -> list[bool]:
        board = Board(Knobs(seed=seed, faults=(Fault(kind="reset", share=0.3),)))
        return [board.fault("q") is not None for _ in range(1000)]

    assert 250 < sum(met(1)) < 350
    assert met(1) == met(1)
    assert met(1) != met(2)


def test_jitter_adds_up_to_so_many_seconds() -> None:
    board = Board(Knobs(latency=1, jitter=0.5))
    delays = [board.delay() for _ in range(50) if board.fault("q") is None]

    assert all(1 <= delay <= 1.5 for delay in delays)
    assert len(set(delays)) > 40


def played(script: dict[str, Any], facts: object, calls: int) -> list[object]:
    scripts = Scripts()
    scripts.add(Script.model_validate({"question": "q", **script}))
    return [scripts.next("q", facts) for _ in range(calls)]


@pytest.mark.parametrize(
    ("item", "prescribed"),
    [
        ({"risk": "low"}, {"risk": "low"}),
        ({"status": 503}, Fault(kind="http_error", status=503)),
        ({"status": 429, "retry_after": 2}, Fault(kind="rate_limited", retry_after=2)),
        ({"fault": "truncated"}, Fault(kind="truncated")),
        ({"content": "not json"}, Raw(content="not json")),
        ({"status": "open", "risk": "low"}, {"status": "open", "risk": "low"}),
        ({}, {}),
    ],
)
def test_an_item_of_a_script_is_an_answer_unless_its_only_keys_say_otherwise(item: Any, prescribed: object) -> None:
    assert played({"answers": [item]}, {}, 1) == [prescribed]


def test_a_script_is_played_once_through_so_many_times_or_for_ever() -> None:
    two = [{"n": 1}, {"n": 2}]

    assert played({"answers": two}, {}, 3) == [*two, None]
    assert played({"answers": two, "times": 3}, {}, 4) == [*two, {"n": 1}, None]
    assert played({"answers": two, "times": "always"}, {}, 5) == [*two, *two, {"n": 1}]


@pytest.mark.parametrize(
    ("match", "facts", "matches"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, True),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "c": 3}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": None}, {"b": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({}, None, False),
        (None, None, True),
    ],
)
def test_a_script_is_for_facts_that_have_at_least_what_it_matches(match: Any, facts: object, matches: object) -> None:
    assert (played({"answers": [{"n": 1}], "match": match}, facts, 1) == [{"n": 1}]) is matches


def test_the_oldest_script_that_is_not_played_out_speaks_first_and_only_to_its_question() -> None:
    scripts = Scripts()
    for n in (1, 2):
        scripts.add(Script.model_validate({"question": "q", "answers": [{"n": n}]}))

    assert scripts.next("other", {}) is None
    assert [scripts.next("q", {}) for _ in range(3)] == [{"n": 1}, {"n": 2}, None]


@pytest.mark.parametrize(
    "script",
    [
        {"answers": [{"n": 1}]},
        {"question": "q", "answers": []},
        {"question": "q", "answers": [{"n": 1}], "times": 0},
        {"question": "q", "answers": [{"status": 200}]},
        {"question": "q", "answers": [{"fault": "earthquake"}]},
        {"question": "q", "answers": ["yes"]},
        {"question": "q", "answers": [{"n": 1}], "matches": {}},
    ],
)
def test_what_is_no_script_is_refused(script: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Script.model_validate(script)

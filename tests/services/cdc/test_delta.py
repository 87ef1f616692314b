"""What changed, exactly and bounded, from what is remembered and what is there."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cdc.delta import LONGEST, LONGEST_PATH, MOST, delta
from services.cdc.questions import CHANGE, facts_of
from services.cdc.snapshot import FOLDED, LARGEST, LONGEST_TEXT, as_text, is_folded, snapshot

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)
contents = st.dictionaries(st.sampled_from(["status", "notes", "items", FOLDED, "a.b", "ü"]), values, max_size=5)


def told(before: Any, after: Any) -> list[tuple[str, str | None, str | None]]:
    return [(one.name, *one.told()) for one in delta(before, after).told]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("a", "1", "2")]),
        ({"a": 1}, {}, [("a", "1", None)]),
        ({}, {"a": None}, [("a", None, "null")]),
        ({"a": None}, {"a": None}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("a", "1", "true")]),
        ({"a": 0}, {"a": False}, [("a", "0", "false")]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("a.b.c", "1", "2")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", '{"b": 1}', "[1]")]),
        ({"a": [1, 2, 3]}, {"a": [1, 9, 3]}, [("a[1]", "2", "9")]),
        ({"a": [1, 2, 3]}, {"a": [0, 1, 2, 3]}, [("a[0]", None, "0")]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [("a[1]", "2", None)]),
        ({"a": [{"q": 1}, {"q": 2}]}, {"a": [{"q": 1}, {"q": 3}]}, [("a[1].q", "2", "3")]),
        ({"a": []}, {"a": [[]]}, [("a[0]", None, "[]")]),
        ({"a": "x"}, {"a": "y"}, [("a", '"x"', '"y"')]),
        ({}, {"a": {"b": 1, "c": {"d": 2}}}, [("a.b", None, "1"), ("a.c.d", None, "2")]),
        ({"a": {"b": 1}}, {}, [("a.b", "1", None)]),
        ({}, {"a": {}}, [("a", None, "{}")]),
        ({"a": {}}, {}, [("a", "{}", None)]),
    ],
)
def test_what_differs_is_told_with_before_and_after(before: Any, after: Any, expected: list[Any]) -> None:
    assert told(before, after) == expected


def test_of_a_long_text_only_the_surroundings_of_the_change_are_told() -> None:
    # given
    before, after = f"{'x' * 9_000}black{'y' * 9_000}", f"{'x' * 9_000}white{'y' * 9_000}"

    # when
    ((_, was, is_now),) = told({"notes": before}, {"notes": after})

    # then
    assert was is not None
    assert is_now is not None
    assert "xxblackyy" in was
    assert "xxwhiteyy" in is_now
    assert len(was) == len(is_now) == LONGEST + 6


def test_what_may_escalate_is_told_first_however_much_else_changed() -> None:
    # given
    many = {f"a{number:04}": number for number in range(500)}

    # when
    changes = delta({"status": "open", "email": "a"}, {"status": "overdue", "email": "b", **many})

    # then
    assert [one.name for one in changes.told[:3]] == ["status", "email", "a0000"]
    assert (len(changes.told), changes.more) == (MOST, 502 - MOST)


@given(contents)
@settings(max_examples=200)
def test_what_is_remembered_of_an_item_does_not_differ_from_it(content: dict[str, Any]) -> None:
    assert delta(json.loads(json.dumps(snapshot(content))), content).count == 0


@given(contents, contents)
@settings(max_examples=200)
def test_no_change_escapes_and_none_is_made_up(one: dict[str, Any], other: dict[str, Any]) -> None:
    found = delta(snapshot(one), other)
    same = as_text(_numbers_alike(one)) == as_text(_numbers_alike(other))
    assert (found.count == 0) == same


def _numbers_alike(value: Any) -> Any:
    """1 and 1.0 are one number in JSON."""
    if isinstance(value, dict):
        return {name: _numbers_alike(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers_alike(each) for each in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@given(contents, contents)
@settings(max_examples=100)
def test_a_delta_is_bounded_whatever_changed(one: dict[str, Any], other: dict[str, Any]) -> None:
    large = {f"{name}-{number}-{'p' * 300}": [value] * 50 for name, value in other.items() for number in range(9)}
    prompt = CHANGE.messages(facts_of("other", "update", delta(snapshot(one), large)))[1]["content"]
    value, path = 6 * (LONGEST + 6), 6 * LONGEST_PATH  # escaped, a character is six
    assert len(prompt) < MOST * (2 * value + path + 100) + 200


# -- what is remembered ------------------------------------------------------------------------------------------------


def test_a_text_that_is_too_long_is_folded_and_still_compared_exactly() -> None:
    # given
    long = "x" * (LONGEST_TEXT + 1)

    # when
    kept = snapshot({"notes": long, "status": "open"})

    # then
    assert is_folded(kept["notes"])
    assert kept["status"] == "open"
    assert delta(kept, {"notes": long, "status": "open"}).count == 0
    ((name, was, is_now),) = told(kept, {"notes": f"{long}!", "status": "open"})
    assert (name, was and was[:4], is_now and is_now[:6]) == ("notes", "...x", "...xxx")


def test_a_folded_value_that_is_taken_away_or_replaced_is_told_of() -> None:
    kept = snapshot({"notes": "x" * (LONGEST_TEXT + 1)})
    assert [after for _, _, after in told(kept, {})] == [None]
    assert [after for _, _, after in told(kept, {"notes": 7})] == ["7"]


@pytest.mark.parametrize(
    "content",
    [
        {"lines": [{"text": "x" * 100, "number": number} for number in range(15_000)], "status": "open"},
        {f"field-{number}": "x" for number in range(60_000)},
        {"lines": ["ü" * 1000] * 300, "status": "open"},
    ],
    ids=["one large list", "many small fields", "many escaped characters"],
)
def test_what_is_remembered_fits_a_commit_and_still_tells_every_change(content: dict[str, Any]) -> None:
    # when
    kept = snapshot(content)

    # then
    assert len(as_text(kept)) <= LARGEST + 1_000
    assert delta(kept, content).count == 0
    assert delta(kept, {**content, "another": 1}).count == 1
    assert "status" not in content or kept["status"] == "open"


def test_a_field_that_is_called_like_a_folded_value_hides_nothing() -> None:
    # given: somebody writes what we would remember of another text
    forged = snapshot({"notes": "x" * (LONGEST_TEXT + 1)})["notes"]

    # then
    assert delta(snapshot({"notes": forged}), {"notes": "x" * (LONGEST_TEXT + 1)}).count == 1
    assert delta(snapshot({"notes": forged}), {"notes": forged}).count == 0


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_a_small_edit_costs_the_same_whatever_the_document_has_besides() -> None:
    """The characters of the prompt, which the tokens follow; test_analysing.py counts those."""
    prompts = []
    for lines in (10, 9_000):
        content = {"status": "open", "lines": [{"n": number, "text": "x" * 80} for number in range(lines)]}
        edited = json.loads(as_text(content))
        edited["lines"][5]["text"] = "an edit"
        prompts.append(CHANGE.messages(facts_of("order", "update", delta(snapshot(content), edited))))

    # then
    assert len(as_text(content)) > 900_000
    assert prompts[0] == prompts[1]

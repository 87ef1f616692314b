"""A record says whether anybody has changed it since AI wrote it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.authorship import content, is_as_ai_wrote_it, signed

RECORD = {"id": "i", "entity_id": "e", "kind": "order", "risk": "low", "lines": [{"b": 1, "a": 2}]}
WRITTEN = signed(RECORD, source="model", model="m")


def test_who_decided_stands_beside_what_was_decided() -> None:
    assert {**WRITTEN, "decided_by": None} == {**RECORD, "decided_by": None}
    assert {"source": "model", "model": "m"}.items() <= WRITTEN["decided_by"].items()


def test_what_the_store_adds_and_where_it_stands_is_not_what_it_says() -> None:
    stored = {**WRITTEN, "_etag": "x", "_ts": 7, "id": "another", "entity_id": "another", "lines": [{"a": 2, "b": 1}]}

    assert is_as_ai_wrote_it(stored)


@pytest.mark.parametrize("change", [{"risk": "high"}, {"note": "x"}, {"lines": []}, {"risk": None}])
def test_whoever_changes_it_is_seen(change: dict[str, Any]) -> None:
    assert not is_as_ai_wrote_it({**WRITTEN, **change})
    assert not is_as_ai_wrote_it({key: value for key, value in WRITTEN.items() if key not in change} | {"x": 1})


@pytest.mark.parametrize("decided_by", [None, "model", [], {}, {"source": "model"}, {"content": None}])
def test_a_record_that_nobody_signed_is_a_persons(decided_by: object) -> None:
    assert not is_as_ai_wrote_it({**RECORD, "decided_by": decided_by})
    assert not is_as_ai_wrote_it(RECORD)


def test_a_signature_of_an_earlier_writing_counts_no_more_and_signing_again_makes_it_good() -> None:
    changed = {**WRITTEN, "risk": "high"}

    assert not is_as_ai_wrote_it(changed)
    assert is_as_ai_wrote_it(signed(changed, source="rules"))


@given(
    st.dictionaries(st.sampled_from(["risk", "kind", "_etag", "x"]), st.none() | st.integers() | st.text(max_size=3))
)
def test_it_is_as_it_was_written_exactly_if_it_says_the_same(changes: dict[str, Any]) -> None:
    later = {**WRITTEN, **changes}

    assert is_as_ai_wrote_it(later) == (content(later) == content(WRITTEN))

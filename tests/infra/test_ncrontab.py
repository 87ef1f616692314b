"""six fields, seconds first"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ncrontab import FIELDS, checked
from services.registry import PATTERNS


@pytest.mark.parametrize(
    "expression",
    [
        "0 * * * * *",
        "*/2 * * * * *",
        "0 0,30 9-17 * * 1-5",
        "0 0 8 1 JAN-MAR mon",
        "15/20 0 0 31 12 0",
        "  0   5 * * *  * ",
        *[timer.schedule for topology in PATTERNS for timer in topology.timers],
    ],
)
def test_a_schedule_is_taken_as_it_is(expression: str) -> None:
    assert checked(expression) == expression


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("* * * * *", "these are 5"),
        ("", "these are 0"),
        ("60 * * * * *", "`60` is no second: use *, numbers from 0 to 59"),
        ("0 0 24 * * *", "`24` is no hour"),
        ("0 0 0 0 * *", "`0` is no day"),
        ("0 0 0 * 13 *", "`13` is no month"),
        ("0 0 0 * mon *", "`mon` is no month"),
        ("0 0 0 * * 7", "`7` is no weekday"),
        ("*/0 * * * * *", "`*/0` is no second"),
        ("0 30-10 * * * *", "`30-10` is no minute"),
        ("0 1,,2 * * * *", "`1,,2` is no minute"),
        ("0 @hourly * * * *", "`@hourly` is no minute"),
        ("² * * * * *", "`²` is no second"),
    ],
)
def test_a_refusal_names_the_field_and_its_range(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        checked(expression)


@given(st.data())
def test_every_value_in_range_is_possible_in_its_field(data: st.DataObject) -> None:
    values = [data.draw(st.integers(low, high), label=name) for name, low, high, _ in FIELDS]

    assert checked(" ".join(map(str, values)))


@given(st.text(alphabet="0123456789*/,-abcm ", max_size=20))
def test_anything_else_is_refused_politely(expression: str) -> None:
    try:
        taken = checked(expression)
    except ValueError as error:
        outcome = str(error)
    else:
        outcome = f"{len(taken.split())} fields"
    assert outcome == "6 fields" or "these are" in outcome or " is no " in outcome

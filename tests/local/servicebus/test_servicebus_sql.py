"""SQL and correlation filters: tables, a parser that fails in one way only, and an oracle."""

import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from azure.servicebus._pyamqp._encode import encode_payload
from azure.servicebus._pyamqp.message import Message as Wire
from azure.servicebus._pyamqp.message import Properties
from hypothesis import example, given
from hypothesis import strategies as st

from local.servicebus.config import CorrelationFilter, Rule
from local.servicebus.filters import copies_by
from local.servicebus.message import Message, parse
from local.servicebus.sql import Facts, SqlError, compile_filter

USER: dict[str, Any] = {
    "a": 3,
    "half": 0.5,
    "text": "Ab%c",
    "yes": True,
    "none": None,
    "with space": 1,
    "id": UUID(int=1),
}
SYSTEM = {"Label": "order", "To": None, "MessageId": "m1"}


def matches(text: str, user: Mapping[str, Any] | None = None) -> bool:
    facts = Facts(system=SYSTEM, user=USER if user is None else user)
    return compile_filter(text)(facts)


@pytest.mark.parametrize(
    "text",
    [
        "1=1",
        "a = 3",
        "A = 3.0",
        "user.a >= 3 and USER.A <= 3",
        "a <> 4 AND a != 4",
        "sys.Label = 'order'",
        "sys.label = 'order' AND sys.Subject = 'order'",
        "sys.To IS NULL",
        "missing IS NULL AND none IS NULL",
        "a IS NOT NULL",
        "EXISTS(a) AND EXISTS(none) AND NOT EXISTS(missing)",
        "EXISTS(sys.Label) AND NOT EXISTS(sys.To)",
        "a IN (1, 2, 3)",
        "a NOT IN (1, 2)",
        "text LIKE 'Ab%'",
        "text LIKE '_b__'",
        "text LIKE 'Ab\\%c' ESCAPE '\\'",
        "text NOT LIKE 'ab%'",
        "[with space] = 1",
        '"with space" = 1',
        "yes = TRUE AND yes <> false",
        "a + 2 * 3 = 9",
        "(a + 2) * 3 = 15",
        "7 / 2 = 3 AND -7 / 2 = -3 AND -7 % 3 = -1",
        "7 / 2.0 = 3.5",
        "half < .6 AND half > 5E-1 - 0.1",
        "-a = -3 AND +a = 3",
        "'it''s' = 'it''s'",
        "text + 'd' = 'Ab%cd'",
        "NOT a = 4",
        "a = 4 OR a = 3 AND yes = TRUE",
        "TRUE = TRUE",
    ],
)
def test_a_filter_matches(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = 4",
        "missing = 1",
        "NOT (missing = 1)",
        "missing <> 1",
        "missing NOT IN (1)",
        "missing NOT LIKE 'x'",
        "a IN (1, missing)",
        "a NOT IN (1, missing)",
        "none = NULL",
        "a = '3'",
        "yes = 1",
        "yes > FALSE",
        "text = 'ab%c'",
        "a / 0 = 1",
        "a % 0 = 1",
        "9223372036854775807 + 1 > 0",
        "a LIKE '3'",
        "text LIKE 'A' ESCAPE 'xy'",
        "id = '00000000-0000-0000-0000-000000000001'",
        "missing = 1 AND a = 3",
        "sys.To = 'x' OR missing = 1",
    ],
)
def test_a_filter_does_not_match_what_is_false_or_unknown(text: str) -> None:
    assert not matches(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a value, found the end at position 1"),
        ("a", "a value is no condition.*position 1"),
        ("a = ", "expected a value, found the end at position 5"),
        ("a = 1 AND b", "a value is no condition.*position 11"),
        ("(a = 1) = 1", "expected a value, found a condition at position 2"),
        ("a = (b = 1)", "expected a value, found a condition at position 6"),
        ("a = 1 b", "expected AND, OR or the end, found 'b' at position 7"),
        ("(a = 1", r"expected '\)', found the end"),
        ("a NOT 1", "expected IN or LIKE, found '1'"),
        ("a IS 1", "expected 'NULL', found '1'"),
        ("a IN ()", r"expected a value, found '\)'"),
        ("a = @p", "unexpected '@': parameters are not supported at position 5"),
        ("newid() = 1", "functions are not supported: 'newid\\('"),
        ("sys.Size = 1", "there is no sys.Size, only ContentType"),
        ("a = 'open", 'unexpected "\'" at position 5'),
        ("a = 9223372036854775808", "does not fit 64 bits"),
        ("a; DROP", "unexpected ';' at position 2"),
        ("a = 1 -- x = 2 AND", "expected"),
        ("a = " + "1" * 1025, "at most 1024 characters"),
        ("(" * 60 + "a=1" + ")" * 60, "nested deeper than 50"),
        ("NOT " * 60 + "a=1", "nested deeper than 50"),
        ("a = " + "-" * 60 + "1", "nested deeper than 50"),
    ],
)
def test_what_is_no_filter_is_refused_with_place_and_reason(text: str, why: str) -> None:
    with pytest.raises(SqlError, match=why):
        compile_filter(text)


@given(st.text(max_size=60) | st.text(alphabet="ab1 =<>()'.,[]\"%+-*/notinlikeANDOR_\\", max_size=60))
@example("\u0661 = 1")
@example("a = 1e999")
def test_any_text_is_a_filter_or_a_sql_error(text: str) -> None:
    try:
        predicate = compile_filter(text)
    except SqlError:
        return
    assert predicate(Facts(system=SYSTEM, user=USER)) in (True, False)


# SQLite agrees with us on three-valued logic where all operands are small integers or NULL.

NAMES = st.sampled_from(["x", "y", "z"])
VALUES = st.recursive(
    NAMES | st.integers(-5, 5).map(lambda n: str(n) if n >= 0 else f"({n})"),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=5,
)
COMPARISONS = (
    st.tuples(VALUES, st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]), VALUES).map(" ".join)
    | st.tuples(VALUES, st.sampled_from(["IN", "NOT IN"]), VALUES, VALUES).map(
        lambda t: f"{t[0]} {t[1]} ({t[2]}, {t[3]})"
    )
    | st.tuples(VALUES, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join)
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: (
        inner.map(lambda c: f"NOT ({c})")
        | st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})")
        | st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) OR ({t[1]}) AND ({t[2]})")
    ),
    max_leaves=6,
)


@given(CONDITIONS, st.dictionaries(NAMES, st.integers(-5, 5)))
def test_logic_and_integer_arithmetic_agree_with_sqlite(text: str, user: dict[str, int]) -> None:
    # given
    row = [user.get(name) for name in "xyz"]
    database = sqlite3.connect(":memory:")
    try:
        [expected] = database.execute(f"WITH t(x, y, z) AS (VALUES (?, ?, ?)) SELECT {text} FROM t", row).fetchone()  # noqa: S608
    finally:
        database.close()

    # then
    if len(text) <= 1024:
        assert matches(text, user) is (expected == 1)


# Correlation


def message(properties: dict[str, Any] | None = None, **fields: Any) -> Message:
    output = bytearray()
    encode_payload(output, Wire(properties=Properties(**fields), application_properties=properties))
    return parse(output)


FULL = message(
    {"tenant": "a", "n": 1, "yes": True, "half": 0.5},
    message_id="m1",
    to="t1",
    subject="order",
    reply_to="r1",
    correlation_id="c1",
    content_type="application/json",
    group_id="s1",
    reply_to_group_id="s2",
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"to": "t1"}, True),
        ({"to": "T1"}, False),
        ({"label": "order"}, True),
        ({"label": "order", "to": "other"}, False),
        ({"message_id": "m1", "correlation_id": "c1", "reply_to": "r1"}, True),
        ({"content_type": "application/json", "session_id": "s1", "reply_to_session_id": "s2"}, True),
        ({"session_id": "s2"}, False),
        ({"properties": {"tenant": "a"}}, True),
        ({"properties": {"tenant": "A"}}, False),
        ({"properties": {"Tenant": "a"}}, False),
        ({"properties": {"missing": "a"}}, False),
        ({"properties": {"n": 1}}, True),
        ({"properties": {"n": "1"}}, False),
        ({"properties": {"yes": True}}, True),
        ({"properties": {"yes": 1}}, False),
        ({"properties": {"n": True}}, False),
        ({"properties": {"half": 0.5, "n": 1}}, True),
    ],
)
def test_a_correlation_filter_compares_exactly(wanted: dict[str, Any], *, expected: bool) -> None:
    assert bool(copies_by([Rule.correlation("r", **wanted)])(FULL)) is expected


def test_a_uuid_as_message_id_is_compared_as_text() -> None:
    wanted = CorrelationFilter(message_id=str(UUID(int=1)))
    rule = Rule.correlation("r", **wanted.model_dump(exclude_none=True))
    assert copies_by([rule])(message(message_id=UUID(int=1)))


def test_a_subscription_without_rules_takes_everything() -> None:
    assert copies_by([])(FULL)


def test_rules_without_actions_make_one_copy_and_each_action_one_of_its_own() -> None:
    plain = [Rule.sql(name, "1 = 1") for name in ("a", "b")]
    action = {"SqlExpression": "SET Reason = 'it''s late'; SET user.Who = 'me'"}
    filtered = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "1 = 1"}, "Action": action}
    changing = Rule.model_validate({"Name": "c", "Properties": filtered})

    unchanged, changed = copies_by([*plain, changing])(FULL)

    assert unchanged is FULL
    assert changed.application_properties == {**FULL.application_properties, "Reason": "it's late", "Who": "me"}

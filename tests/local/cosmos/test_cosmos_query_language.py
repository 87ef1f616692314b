"""the query compiler against an oracle in plain Python, and the parser against garbage"""

# ruff: noqa: S608 - texts of queries are the subject here

import json
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local.cosmos.errors import CosmosError
from local.cosmos.query.compile import compile_query
from local.cosmos.query.page import Source, run
from local.cosmos.query.parse import parse
from local.cosmos.query.sqlite import register
from local.cosmos.query.values import compare, equal, sort_key

MISSING = object()
NAMES = ["a", "b", "ü x", "order"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, -0.0, 1e300, 2.0, "", "a", "A", "1", "true", "null", "ß", "😀", "￿", "a%", 'q"\\'])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    register(connection)
    connection.execute("CREATE TABLE items (number INTEGER PRIMARY KEY, body TEXT)")
    yield connection
    connection.close()


def ask(
    connection: sqlite3.Connection, text: str, stored: list[Any], parameters: dict[str, Any] | None = None
) -> list[Any]:
    connection.execute("DELETE FROM items")
    rows = [(json.dumps(document, ensure_ascii=False),) for document in stored]
    connection.executemany("INSERT INTO items (body) VALUES (?)", rows)
    plan = compile_query(parse(text), parameters or {})
    return [json.loads(row) for row in run(connection, plan, Source("items", "1", {}), size=1000).texts]


# --- the oracle: a second, naive reading of the same language ------------------------------------------------------

Expression = tuple[Any, ...]  # ("path", name, ...), ("value", x), (operator, operand, ...)
paths = st.tuples(st.just("path"), st.sampled_from(NAMES)) | st.tuples(
    st.just("path"), st.sampled_from(NAMES), st.sampled_from(NAMES) | st.integers(0, 2)
)
operands = paths | st.tuples(st.just("value"), values)
comparisons = st.tuples(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), operands, operands)
truths: st.SearchStrategy[Expression] = st.recursive(
    comparisons
    | st.tuples(st.just("IN"), operands, st.lists(values, min_size=1, max_size=3))
    | st.tuples(st.just("BETWEEN"), operands, operands, operands)
    | st.tuples(st.just("IS_DEFINED"), paths)
    | paths,
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner) | st.tuples(st.just("NOT"), inner),
    max_leaves=6,
)


def written(expression: Expression, bound: dict[str, Any]) -> str:  # noqa: PLR0911 (one case each)
    match expression:
        case ("path", *steps):
            return "c" + "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' for step in steps)
        case ("value", value):
            bound[f"@p{len(bound)}"] = value
            return f"@p{len(bound) - 1}"
        case ("NOT", inner):
            return f"(NOT {written(inner, bound)})"
        case ("IS_DEFINED", inner):
            return f"IS_DEFINED({written(inner, bound)})"
        case ("IN", needle, haystack):
            listed = ", ".join(written(("value", entry), bound) for entry in haystack)
            return f"({written(needle, bound)} IN ({listed}))"
        case ("BETWEEN", value, low, high):
            return f"({written(value, bound)} BETWEEN {written(low, bound)} AND {written(high, bound)})"
        case (operator, left, right):
            return f"({written(left, bound)} {operator} {written(right, bound)})"
        case _:
            raise AssertionError(expression)


def meant(expression: Expression, document: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 (one case each)
    """True, False or another value; MISSING is undefined."""
    match expression:
        case ("path", *steps):
            for step in steps:
                if (isinstance(step, int) and isinstance(document, list) and step < len(document)) or (
                    isinstance(step, str) and isinstance(document, dict) and step in document
                ):
                    document = document[step]
                else:
                    return MISSING
            return document
        case ("value", value):
            return value
        case ("NOT", inner):
            truth = meant(inner, document)
            return (not truth) if isinstance(truth, bool) else MISSING
        case ("IS_DEFINED", inner):
            return meant(inner, document) is not MISSING
        case ("IN", needle, haystack):
            value = meant(needle, document)
            return MISSING if value is MISSING else any(same(value, entry) for entry in haystack)
        case ("BETWEEN", value, low, high):
            return meant(("AND", (">=", value, low), ("<=", value, high)), document)
        case ("AND" | "OR" as operator, left, right):
            sides = [meant(left, document), meant(right, document)]
            decisive = operator == "OR"
            if any(side is decisive for side in sides):
                return decisive
            return (not decisive) if all(isinstance(side, bool) for side in sides) else MISSING
        case (operator, left, right):
            return compared(operator, meant(left, document), meant(right, document))
        case _:
            raise AssertionError(expression)


def compared(operator: str, left: Any, right: Any) -> Any:
    if left is MISSING or right is MISSING:
        return MISSING
    if operator in ("=", "!="):
        return same(left, right) == (operator == "=")
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
    alike = numbers or (type(left) is type(right) and isinstance(left, str | bool | None.__class__))
    if not alike:
        return MISSING
    if isinstance(left, str):
        left, right = ([ord(unit) for unit in utf16(text)] for text in (left, right))
    if left is None:
        left = right = 0
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def utf16(text: str) -> str:
    data = text.encode("utf-16-be")
    return "".join(chr(data[at] << 8 | data[at + 1]) for at in range(0, len(data), 2))


def same(left: Any, right: Any) -> bool:
    def normal(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: normal(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [normal(entry) for entry in value]
        return (
            ("number", float(value))
            if isinstance(value, int | float) and not isinstance(value, bool)
            else (type(value).__name__, value)
        )

    return normal(left) == normal(right)


@settings(max_examples=200, deadline=None)
@given(expression=truths, stored=st.lists(documents, min_size=1, max_size=4))
def test_a_filter_means_what_the_oracle_says(
    connection: sqlite3.Connection, expression: Expression, stored: list[Any]
) -> None:
    bound: dict[str, Any] = {}
    text = f"SELECT * FROM c WHERE {written(expression, bound)}"

    found = ask(connection, text, stored, bound)

    assert found == [document for document in stored if meant(expression, document) is True]


@settings(max_examples=80, deadline=None)
@given(path=paths, stored=st.lists(documents, max_size=5))
def test_what_is_selected_is_what_is_there(connection: sqlite3.Connection, path: Expression, stored: list[Any]) -> None:
    text = written(path, {})

    single = ask(connection, f"SELECT VALUE {text} FROM c", stored)
    built = ask(connection, f"SELECT {text} AS x, [{text}] AS y FROM c", stored)

    there = [meant(path, document) for document in stored]
    assert single == [value for value in there if value is not MISSING]
    assert built == [{"y": []} if value is MISSING else {"x": value, "y": [value]} for value in there]


@settings(max_examples=80, deadline=None)
@given(stored=st.lists(documents, max_size=6))
def test_order_and_groups_follow_the_order_of_types(connection: sqlite3.Connection, stored: list[Any]) -> None:
    ahead = ask(connection, "SELECT * FROM c ORDER BY c.a", stored)
    distinct = ask(connection, "SELECT DISTINCT VALUE c.a FROM c", stored)

    ranks = [rank(document.get("a", MISSING)) for document in ahead]
    assert ranks == sorted(ranks)
    for before, after in pairwise(ahead):
        assert compared(">", before.get("a", MISSING), after.get("a", MISSING)) in (False, MISSING)
    kept: list[Any] = []
    for value in (document["a"] for document in stored if "a" in document):
        if not any(same(value, other) for other in kept):
            kept.append(value)
    assert len(distinct) == len(kept)


def rank(value: Any) -> int:
    if value is MISSING:
        return 0
    order = [type(None), bool, (int, float), str, list, dict]
    return 1 + next(at for at, kind in enumerate(order) if isinstance(value, kind))


@given(left=values, right=values)
def test_equal_values_and_only_they_share_a_sort_key(left: Any, right: Any) -> None:
    keys = sort_key(json.dumps(left)), sort_key(json.dumps(right))

    assert (keys[0] == keys[1]) == equal(left, right) == same(left, right)
    if compare(left, right) is not None:
        assert compare(left, right) == (keys[0] > keys[1]) - (keys[0] < keys[1])


# --- garbage --------------------------------------------------------------------------------------------------------

TOKENS = r"""
SELECT VALUE DISTINCT TOP FROM WHERE GROUP ORDER BY OFFSET LIMIT JOIN IN AND NOT BETWEEN LIKE ESCAPE EXISTS AS c c.a
c[ ] ( ) { } [ , : . * = ?? ? @x @ 'a' "b" ' " 1 1e999 - -- /* ; \ udf.f( COUNT(1) IS_DEFINED( NULL CASE WHEN CAST(
DATE INTERVAL UNNEST( WITH UNION OVER PIVOT TABLESAMPLE QUALIFY r' b' ` # $ ü % || < > != ~ & | ^ STRUCT<
ARRAY< EXTRACT( FOR SET @@x {{ }}
""".split()  # noqa: SIM905 (a hundred quoted tokens are no easier to read)


def refused(connection: sqlite3.Connection, text: str) -> CosmosError | None:
    try:
        ask(connection, text, [{"a": 1}], {"@x": 1})
    except CosmosError as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join) | st.text(max_size=60), select=st.booleans())
def test_the_parser_raises_nothing_but_its_own_error(connection: sqlite3.Connection, text: str, select: bool) -> None:
    refusal = refused(connection, f"SELECT {text}" if select else text)

    assert refusal is None or (refusal.status == 400 and refusal.message)


@settings(max_examples=200, deadline=None)
@given(
    clause=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8).map(" ".join),
    where=st.sampled_from(["WHERE", "ORDER BY", "GROUP BY", ","]),
)
def test_a_broken_clause_is_refused_in_words(connection: sqlite3.Connection, clause: str, where: str) -> None:
    refusal = refused(connection, f"SELECT c.a FROM c {where} {clause}")

    assert refusal is None or (refusal.status == 400 and refusal.message)


@given(name=st.text(max_size=20), ascii_only=st.booleans())
@example(name="😀", ascii_only=True)
@example(name="' OR 1=1 --", ascii_only=True)
def test_a_property_name_is_never_read_as_sql(connection: sqlite3.Connection, name: str, ascii_only: bool) -> None:
    stored = [{"a": 1, name: "secret"}]
    quoted = json.dumps(name, ensure_ascii=ascii_only)

    def find() -> list[Any]:
        return ask(connection, f"SELECT VALUE c[{quoted}] FROM c WHERE c[@name] = 'secret'", stored, {"@name": name})

    if name and name.isprintable() and not set(name) & set('"\\'):
        assert find() == ["secret"]
    else:
        with pytest.raises(CosmosError, match="the property name"):
            find()

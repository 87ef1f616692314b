"""JSON text in SQL -> parsed values -> functions and aggregates that SQLite calls

In the compiled SQL every value is JSON text and SQL NULL is `undefined`; every truth is 1, 0 or NULL. That makes
AND, OR and NOT of SQLite exactly the three-valued logic of Cosmos. What SQLite compares differently goes through here.
"""

import json
import math
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any

from local.cosmos.documents import dumps
from local.cosmos.query.functions import FUNCTIONS
from local.cosmos.query.values import UNDEFINED, compare, equal, kind_of, sort_key

Text = str | None
Truth = int | None


def register(connection: sqlite3.Connection) -> None:
    """Make these functions known to a connection under the names that expressions.py writes."""
    for name, arity, function in (
        ("cosmos_call", -1, _call),
        ("cosmos_eq", 2, _equals),
        ("cosmos_lt", 2, _ordered(lt)),
        ("cosmos_le", 2, _ordered(le)),
        ("cosmos_gt", 2, _ordered(gt)),
        ("cosmos_ge", 2, _ordered(ge)),
        ("cosmos_in", 2, _member),
        ("cosmos_key", 1, sort_key),
    ):
        connection.create_function(name, arity, function, deterministic=True)
    for name, aggregate in (
        ("cosmos_sum", _Sum),
        ("cosmos_avg", _Average),
        ("cosmos_min", _Minimum),
        ("cosmos_max", _Maximum),
    ):
        factory: Any = aggregate  # typeshed knows only aggregates of integers
        connection.create_aggregate(name, 1, factory)


def _call(name: str, *arguments: Text) -> Text:
    result = FUNCTIONS[name][0](*(UNDEFINED if text is None else json.loads(text) for text in arguments))
    return None if result is UNDEFINED else dumps(result)


def _equals(left: Text, right: Text) -> Truth:
    if left is None or right is None:
        return None
    return int(left == right or equal(json.loads(left), json.loads(right)))


def _ordered(holds: Callable[[int, int], bool]) -> Callable[[Text, Text], Truth]:
    def check(left: Text, right: Text) -> Truth:
        if left is None or right is None:
            return None
        order = compare(json.loads(left), json.loads(right))
        return None if order is None else int(holds(order, 0))

    return check


def _member(needle: Text, haystack: str) -> Truth:
    if needle is None:
        return None
    value = json.loads(needle)
    return int(any(equal(value, entry) for entry in _array(haystack)))


@lru_cache(maxsize=64)
def _array(text: str) -> list[Any]:
    return json.loads(text)


class _Sum:
    """Undefined values do not count; a value that is no number makes the whole undefined."""

    def __init__(self) -> None:
        self.total: int | float = 0
        self.count = 0
        self.defined = True

    def step(self, text: Text) -> None:
        if text is None:
            return
        value = json.loads(text)
        if kind_of(value) == "number":
            self.total += value
            self.count += 1
        else:
            self.defined = False

    def finalize(self) -> Text:
        return self._finite(self.total)

    def _finite(self, value: float) -> Text:
        return dumps(value) if self.defined and abs(value) < math.inf else None


class _Average(_Sum):
    def finalize(self) -> Text:
        return self._finite(self.total / self.count) if self.count else None


class _Minimum:
    """In Cosmos' order of types; undefined values do not count."""

    beats = staticmethod(lt)

    def __init__(self) -> None:
        self.key = b""
        self.text: Text = None

    def step(self, text: Text) -> None:
        if text is None:
            return
        key = sort_key(text)
        if self.text is None or self.beats(key, self.key):
            self.key, self.text = key, text

    def finalize(self) -> Text:
        return self.text


class _Maximum(_Minimum):
    beats = staticmethod(gt)

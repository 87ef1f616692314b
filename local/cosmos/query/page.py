"""a plan and a source of rows -> one page of JSON texts and, iff there is more, a continuation

A continuation is the position after the last row given (its sort keys and its number), not a count of rows: as
in Cosmos, what is inserted, changed or deleted between two pages shifts nothing.
"""

import json
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cosmos.errors import bad_request
from local.cosmos.http import DEFAULT_PAGE, MAX_PAGE_BYTES
from local.cosmos.query.plan import Plan


@dataclass(frozen=True)
class Source:
    """Where the rows are: a table with the columns `number` and `body`, and which of them count."""

    table: str
    condition: str
    bound: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    texts: list[str]
    continuation: str | None

    @property
    def headers(self) -> dict[str, str]:
        return {"x-ms-continuation": self.continuation} if self.continuation else {}


@dataclass(frozen=True)
class _Position:
    keys: tuple[bytes, ...]
    number: int
    left: int | None  # of TOP or LIMIT

    def __str__(self) -> str:
        parts = [[key.hex() for key in self.keys], self.number, self.left]
        return urlsafe_b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def parse(cls, text: str, keys: int) -> "_Position":
        try:
            sort_keys, number, left = json.loads(urlsafe_b64decode(text.encode()))
            position = cls(
                tuple(bytes.fromhex(key) for key in sort_keys), int(number), None if left is None else int(left)
            )
            fits = len(position.keys) == keys and abs(position.number) < 2**63 and 0 <= (position.left or 0) < 2**31
        except (ValueError, TypeError, RecursionError):
            fits, position = False, None
        if not fits or position is None:
            raise bad_request(f"The continuation '{text[:40]}' is not one that this query was given.")
        return position


def run(
    connection: sqlite3.Connection,
    plan: Plan,
    source: Source,
    *,
    size: int = DEFAULT_PAGE,
    continuation: str | None = None,
) -> Page:
    """One page of at most `size` results and 4 MB.

    Raises:
        CosmosError: 400 for a foreign continuation or a query too large for SQLite.
    """
    keys = [f"k{at}" for at in range(len(plan.order))]
    after = _Position.parse(continuation, len(keys)) if continuation else None
    left = plan.limit if after is None else after.left
    wanted = size if left is None else min(size, left)
    bound = {**source.bound, **plan.bound, "wanted": wanted + 1, "skipped": 0 if after else plan.offset}
    sql = _statement(plan, source, keys, _beyond(plan, after, bound))
    try:
        rows = connection.execute(sql, bound)
        return _collect(rows, wanted, left)
    except sqlite3.OperationalError as error:
        if "user-defined" in str(error):  # a function of ours failed: that is no fault of the query
            raise
        raise bad_request(f"The query is too large for this emulator ({error}); split it.") from None


def _statement(plan: Plan, source: Source, keys: list[str], beyond: str) -> str:
    # every fragment is written by expressions.py, which binds what is foreign
    number = "min(number)" if plan.group or plan.aggregated else "number"
    columns = "".join(f", cosmos_key({order.sql}) AS {key}" for key, order in zip(keys, plan.order, strict=True))
    group = f" GROUP BY {', '.join(f'cosmos_key({sql})' for sql in plan.group)}" if plan.group else ""
    rows = (
        f"SELECT {plan.projection} AS value, {number} AS number{columns} FROM {source.table} "  # noqa: S608 (see above)
        f"WHERE {source.condition} AND ({plan.where}){group}"
    )
    if plan.distinct:
        columns = "".join(f", min({key}) AS {key}" for key in keys)
        rows = f"SELECT value, min(number) AS number{columns} FROM ({rows}) GROUP BY cosmos_key(value)"  # noqa: S608
    order = [f"{key} {'DESC' if order.descending else 'ASC'}" for key, order in zip(keys, plan.order, strict=True)]
    return (
        f"SELECT {', '.join(['value', 'number', *keys])} FROM ({rows}) WHERE value IS NOT NULL AND {beyond} "  # noqa: S608
        f"ORDER BY {', '.join([*order, 'number'])} LIMIT :wanted OFFSET :skipped"
    )


def _beyond(plan: Plan, after: _Position | None, bound: dict[str, Any]) -> str:
    """The rows behind a position: (k0, k1, number) > (a, b, n), each in its own direction."""
    if after is None:
        return "1"
    condition = "number > :after"
    bound["after"] = after.number
    for at, (order, key) in reversed(list(enumerate(zip(plan.order, after.keys, strict=True)))):
        bound[f"after{at}"] = key
        further = "<" if order.descending else ">"
        condition = f"(k{at} {further} :after{at} OR (k{at} = :after{at} AND {condition}))"
    return condition


def _collect(rows: sqlite3.Cursor, wanted: int, left: int | None) -> Page:
    texts: list[str] = []
    size = 0
    last: _Position | None = None
    for text, number, *keys in rows:
        size += len(text)
        if len(texts) == wanted or (texts and size > MAX_PAGE_BYTES):
            exhausted = left is not None and len(texts) >= left
            return Page(texts, None if exhausted or last is None else str(last))
        texts.append(text)
        last = _Position(tuple(keys), number or 0, None if left is None else left - len(texts))
    return Page(texts, None)

"""what a compiled query is: SQL fragments over the column `body`, what they bind, and numbers"""

from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Order:
    path: Path
    sql: str
    descending: bool


@dataclass(frozen=True)
class Plan:
    """`projection` is SQL for the JSON text of a result, `where` for a truth; `value` says SELECT VALUE."""

    projection: str
    where: str
    bound: dict[str, Any]
    order: tuple[Order, ...]
    group: tuple[str, ...]
    aggregated: bool
    distinct: bool
    value: bool
    offset: int
    limit: int | None

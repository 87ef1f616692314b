"""a parsed query + parameters -> a plan: what to select, which rows, in which order, how many"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from local.cosmos.documents import dumps
from local.cosmos.errors import bad_request
from local.cosmos.query.expressions import AGGREGATES, Expressions
from local.cosmos.query.parse import Query, refuse
from local.cosmos.query.plan import Order, Plan

_SELECT_PARTS = frozenset({"expressions", "from_", "where", "group", "order", "limit", "offset"})
_LARGEST_COUNT = 2**31 - 1


def compile_query(query: Query, parameters: Mapping[str, Any]) -> Plan:
    """Translate a query.

    Raises:
        CosmosError: 400 that names what is not supported, or which parameter or property is wrong.
    """
    select = query.select
    for part, given in select.args.items():
        if given and part not in _SELECT_PARTS:
            raise refuse(part.rstrip("_").upper())
    sql = Expressions(_alias(select), parameters)
    where = sql.truth(select.args["where"].this) if select.args.get("where") else "1"
    order = tuple(_order(sql, ordered) for ordered in _list(select, "order"))
    grouping = _list(select, "group")
    group = tuple(sql.value(expression) for expression in grouping)
    sql.aggregates_allowed = True
    projection = _value(sql, select) if query.value else _object(sql, select)
    if group or sql.aggregated:
        _refuse_ungrouped(query, grouping)
    offset, limit = _window(sql, query)
    return Plan(
        projection=projection,
        where=where,
        bound=sql.bound,
        order=order,
        group=group,
        aggregated=sql.aggregated,
        distinct=query.distinct,
        value=query.value,
        offset=offset,
        limit=limit,
    )


def _alias(select: exp.Select) -> str:
    """The one name that stands for the item: of `FROM c`, `FROM x c`, `FROM x AS c`."""
    source = select.args.get("from_")
    if source is None:
        raise bad_request("The query has no FROM clause; write SELECT ... FROM c.")
    table = source.this
    plain = isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier)
    if not plain or any(given for part, given in table.args.items() if part not in ("this", "alias")):
        raise refuse(f"FROM {table.sql()[:80]}")
    return table.alias_or_name


def _list(select: exp.Select, part: str) -> Sequence[exp.Expr]:
    clause = select.args.get(part)
    if clause is None:
        return ()
    if extra := [name for name, given in clause.args.items() if given and name != "expressions"]:
        raise refuse(f"{part.upper()} BY with {extra[0].upper()}")
    return clause.expressions


def _order(sql: Expressions, ordered: exp.Expr) -> Order:
    path = sql.path(ordered.this) if isinstance(ordered, exp.Ordered) else None
    if not path:
        raise refuse(f"ORDER BY {ordered.sql()[:80]}, which is not a property,")
    return Order(path, sql.value(ordered.this), descending=bool(ordered.args.get("desc")))


def _value(sql: Expressions, select: exp.Select) -> str:
    if len(select.expressions) != 1 or isinstance(select.expressions[0], exp.Star | exp.Alias):
        raise bad_request("SELECT VALUE takes exactly one expression, without an alias.")
    return sql.value(select.expressions[0])


def _object(sql: Expressions, select: exp.Select) -> str:
    chosen = select.expressions
    if any(isinstance(expression, exp.Star) for expression in chosen):
        if len(chosen) > 1 or any(chosen[0].args.values()):
            raise refuse("SELECT * together with anything else")
        return "body"
    if not chosen:
        raise bad_request("SELECT needs something to select: *, VALUE x, or expressions.")
    members = [(_name(sql, expression, at), sql.value(expression.unalias())) for at, expression in enumerate(chosen, 1)]
    names = [name for name, _ in members]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise bad_request(f"The name '{twice[0]}' is selected twice; give one of them an alias with AS.")
    return sql.json_object(members)


def _name(sql: Expressions, expression: exp.Expr, position: int) -> str:
    """Of a selected expression: its alias, else its last property, else $1, $2 and so on."""
    if expression.alias:
        return expression.alias
    path = sql.path(expression)
    if path == ():
        return sql.alias
    return path[-1] if path and isinstance(path[-1], str) else f"${position}"


def _refuse_ungrouped(query: Query, grouping: Sequence[exp.Expr]) -> None:
    if query.select.args.get("order"):
        raise refuse("ORDER BY together with GROUP BY or aggregates")
    for expression in query.select.expressions:
        _check_grouped(expression.unalias(), grouping)


def _check_grouped(expression: exp.Expr, grouping: Sequence[exp.Expr]) -> None:
    """Whatever is selected is grouped by, aggregated, constant, or made of such."""
    if expression in grouping or isinstance(expression, exp.Literal | exp.Parameter | exp.Null | exp.Boolean):
        return
    if isinstance(expression, exp.Anonymous) and expression.name.upper() in AGGREGATES:
        return
    if isinstance(expression, exp.Column | exp.Dot | exp.Bracket | exp.Star):
        raise bad_request(f"{expression.sql()[:80]} is selected but neither grouped by nor aggregated.")
    for child in expression.iter_expressions():
        if not isinstance(child, exp.Identifier):
            _check_grouped(child, grouping)


def _window(sql: Expressions, query: Query) -> tuple[int, int | None]:
    """Offset and limit."""
    limit, offset = query.select.args.get("limit"), query.select.args.get("offset")
    if (limit is None) != (offset is None):
        raise bad_request("OFFSET and LIMIT come together: OFFSET n LIMIT m.")
    if query.top is not None:
        if limit is not None:
            raise bad_request("TOP cannot be combined with OFFSET LIMIT.")
        written = sql.parameter(query.top[1:]) if query.top.startswith("@") else int(query.top[:12])
        return 0, _count(written, "TOP")
    if limit is None or offset is None:
        return 0, None
    return _count(sql.known(offset.expression)[1], "OFFSET"), _count(sql.known(limit.expression)[1], "LIMIT")


def _count(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise bad_request(f"{what} takes a whole number from 0 to {_LARGEST_COUNT} or a parameter, got {dumps(value)}.")
    return value

"""a parsed expression + parameters -> an SQL expression over the column `body`, everything foreign bound

Two mutually recursive translations: `value` gives SQL for JSON text (NULL is undefined), `truth` gives SQL for 1, 0
or NULL. Each kind of node has one line in one of the two tables at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from local.cosmos.documents import dumps
from local.cosmos.errors import bad_request
from local.cosmos.query.functions import FUNCTIONS, PUBLIC_NAMES
from local.cosmos.query.parse import refuse
from local.cosmos.query.plan import Path

AGGREGATES = {"COUNT": "count", "SUM": "cosmos_sum", "AVG": "cosmos_avg", "MIN": "cosmos_min", "MAX": "cosmos_max"}
_LARGEST_DOUBLE = 1.7976931348623157e308


@dataclass
class Expressions:
    """Translates the expressions of one query. `alias` is the name of the item, `bound` collects what is bound."""

    alias: str
    parameters: Mapping[str, Any]
    bound: dict[str, Any] = field(default_factory=dict[str, Any])
    aggregates_allowed: bool = False
    aggregated: bool = False

    def value(self, node: exp.Expr) -> str:
        """SQL for the node's JSON text, NULL where it is undefined.

        Raises:
            CosmosError: 400 that names what is not supported or wrong.
        """
        known, constant = self.known(node)
        if known:
            return self.bind(dumps(constant))
        if type(node) in _VALUES:
            return _VALUES[type(node)](self, node)
        return f"CASE {self.truth(node)} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"

    def truth(self, node: exp.Expr) -> str:
        """SQL for 1 (true), 0 (false) or NULL (undefined, or no boolean).

        Raises:
            CosmosError: 400 that names what is not supported or wrong.
        """
        if type(node) in _TRUTHS:
            return _TRUTHS[type(node)](self, node)
        if type(node) in _VALUES or self.known(node)[0]:
            return f"CASE {self.value(node)} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
        raise refuse(f"{node.key.upper()} ({node.sql()[:80]})")

    def known(self, node: exp.Expr) -> tuple[bool, Any]:
        """Whether a node is a constant, and its value."""
        match node:
            case exp.Parameter():
                return True, self.parameter(node.name)
            case exp.Null():
                return True, None
            case exp.Boolean():
                return True, bool(node.this)
            case exp.Literal():
                return True, node.name if node.is_string else _number(node.name)
            case _:
                return False, None

    def parameter(self, name: str) -> Any:
        if f"@{name}" not in self.parameters:
            given = ", ".join(sorted(self.parameters)) or "none"
            raise bad_request(f"The query uses @{name}, which is not among the parameters given ({given}).")
        return self.parameters[f"@{name}"]

    def path(self, node: exp.Expr) -> Path | None:
        """The steps from the item to a property; None if the node is something else."""
        match node:
            case exp.Column():
                names = [part.name for part in node.parts]
                if names[0] != self.alias:
                    wanted = f"properties are written {self.alias}.{names[0]}"
                    raise bad_request(f"The identifier '{names[0]}' could not be resolved; {wanted}.")
                return tuple(names[1:])
            case exp.Dot() if isinstance(node.expression, exp.Identifier):
                base = self.path(node.this)
                return None if base is None else (*base, node.expression.name)
            case exp.Bracket() if len(node.expressions) == 1:
                base = self.path(node.this)
                known, step = self.known(node.expressions[0])
                if base is None or not known or isinstance(step, bool) or not isinstance(step, str | int):
                    raise refuse(f"the index in {node.sql()[:80]}")
                return (*base, step)
            case _:
                return None

    def json_object(self, members: Sequence[tuple[str, str]]) -> str:
        """JSON text of an object from names and SQL; undefined members leave no trace."""
        parts = [f"coalesce({self.bind(f',{dumps(name)}:')} || {sql}, '')" for name, sql in members]
        return f"('{{' || substr({_balanced('||', parts)}, 2) || '}}')"

    def bind(self, value: object) -> str:
        name = f"q{len(self.bound)}"
        self.bound[name] = value
        return f":{name}"


def _property(sql: Expressions, node: exp.Expr) -> str:
    if isinstance(node, exp.Column) and len(node.parts) == 1 and node.name.lower() == "undefined":
        return "NULL"
    path = sql.path(node)
    if path is None:
        raise refuse(f"the expression {node.sql()[:80]}")
    return f"(body -> {sql.bind(_json_path(path))})" if path else "body"


def _call(sql: Expressions, name: str, arguments: Sequence[exp.Expr]) -> str:
    _, fewest, most = FUNCTIONS[name]
    if not fewest <= len(arguments) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise bad_request(f"{name} takes {wanted} argument(s), got {len(arguments)}.")
    return f"cosmos_call({', '.join([repr(name), *map(sql.value, arguments)])})"


def _function(sql: Expressions, node: exp.Expr) -> str:
    name = node.name.upper()
    if name in AGGREGATES:
        return _aggregate(sql, name, node.expressions)
    if name not in PUBLIC_NAMES:
        raise refuse(f"the function {name} (functions: {', '.join(PUBLIC_NAMES)})")
    return _call(sql, name, node.expressions)


def _aggregate(sql: Expressions, name: str, arguments: Sequence[exp.Expr]) -> str:
    if not sql.aggregates_allowed:
        raise bad_request(f"{name} is only possible in what is selected, and not inside another aggregate.")
    if len(arguments) != 1 or isinstance(arguments[0], exp.Star):
        raise bad_request(f"{name} takes exactly one expression, as in {name}(1) or {name}({sql.alias}.x).")
    sql.aggregated, sql.aggregates_allowed = True, False
    call = f"{AGGREGATES[name]}({sql.value(arguments[0])})"
    sql.aggregates_allowed = True
    return f"cast({call} AS TEXT)" if name == "COUNT" else call


def _array(sql: Expressions, node: exp.Expr) -> str:
    constants = [sql.known(element) for element in node.expressions]
    if all(known for known, _ in constants):
        return sql.bind(dumps([value for _, value in constants]))
    parts = [f"coalesce(',' || {sql.value(element)}, '')" for element in node.expressions]
    return f"('[' || substr({_balanced('||', parts)}, 2) || ']')"


def _struct(sql: Expressions, node: exp.Expr) -> str:
    for entry in node.expressions:
        if not isinstance(entry, exp.PropertyEQ):
            raise refuse(f"the object member {entry.sql()[:80]}")
    return sql.json_object([(entry.name, sql.value(entry.expression)) for entry in node.expressions])


def _coalesce(sql: Expressions, node: exp.Expr) -> str:
    return f"coalesce({', '.join(sql.value(part) for part in (node.this, *node.expressions))})"


def _connected(sql: Expressions, operator: str, node: exp.Expr) -> str:
    return _balanced(operator, [sql.truth(part) for part in node.flatten()])


def _pair(sql: Expressions, node: exp.Expr) -> str:
    return f"{sql.value(node.this)}, {sql.value(node.expression)}"


def _between(sql: Expressions, node: exp.Expr) -> str:
    value, low, high = (sql.value(node.args[part]) for part in ("this", "low", "high"))
    return f"(cosmos_ge({value}, {low}) AND cosmos_le({value}, {high}))"


def _in(sql: Expressions, node: exp.Expr) -> str:
    if node.args.get("query") or node.args.get("unnest") or not node.expressions:
        raise refuse(f"IN without a list of values ({node.sql()[:80]})")
    return f"cosmos_in({sql.value(node.this)}, {_array(sql, node)})"


def _like(sql: Expressions, node: exp.Expr, escape: exp.Expr | None = None) -> str:
    parts = [node.this, node.expression, escape or exp.Null()]
    holds = f"CASE {_call(sql, 'like', parts)} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    return f"(NOT {holds})" if node.args.get("negate") else holds


def _like_escape(sql: Expressions, node: exp.Expr) -> str:
    if not isinstance(node.this, exp.Like):
        raise refuse(f"ESCAPE after {node.this.key.upper()}")
    return _like(sql, node.this, node.expression)


def _json_path(path: Path) -> str:
    steps: list[str] = []
    for step in path:
        if isinstance(step, int):
            if step < 0:
                raise bad_request(f"An array index is a whole number from 0, got {step}.")
            steps.append(f"[{step}]")
        elif '"' in step or "\\" in step or not step.isprintable() or not step:
            raise refuse(f"the property name {dumps(step)} (quotes, backslashes, control characters or nothing)")
        else:
            steps.append(f'."{step}"')
    return "$" + "".join(steps)


def _balanced(operator: str, parts: Sequence[str]) -> str:
    """Join as a balanced tree: SQLite limits the depth of an expression to 1000."""
    if len(parts) <= 1:
        return parts[0] if parts else "''"
    middle = len(parts) // 2
    return f"({_balanced(operator, parts[:middle])} {operator} {_balanced(operator, parts[middle:])})"


def _number(text: str) -> int | float:
    try:
        value = int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise bad_request(f"{text[:40]} is not a number.") from None
    if abs(value) > _LARGEST_DOUBLE:
        raise bad_request(f"The number {text[:40]} does not fit a double.")
    return value


Translation = Callable[[Expressions, Any], str]


def _operator(name: str) -> Translation:
    return lambda sql, node: _call(sql, name, [node.this, node.expression])


def _comparison(name: str) -> Translation:
    return lambda sql, node: f"{name}({_pair(sql, node)})"


_VALUES: dict[type[exp.Expr], Translation] = {
    exp.Paren: lambda sql, node: sql.value(node.this),
    exp.Column: _property,
    exp.Dot: _property,
    exp.Bracket: _property,
    exp.Anonymous: _function,
    exp.Array: _array,
    exp.Struct: _struct,
    exp.Coalesce: _coalesce,
    exp.Neg: lambda sql, node: _call(sql, "negate", [node.this]),
    exp.Add: _operator("+"),
    exp.Sub: _operator("-"),
    exp.Mul: _operator("*"),
    exp.Div: _operator("/"),
    exp.Mod: _operator("%"),
    exp.DPipe: _operator("CONCAT"),
}
_TRUTHS: dict[type[exp.Expr], Translation] = {
    exp.Paren: lambda sql, node: sql.truth(node.this),
    exp.And: lambda sql, node: _connected(sql, "AND", node),
    exp.Or: lambda sql, node: _connected(sql, "OR", node),
    exp.Not: lambda sql, node: f"(NOT {sql.truth(node.this)})",
    exp.EQ: _comparison("cosmos_eq"),
    exp.NEQ: _comparison("NOT cosmos_eq"),
    exp.LT: _comparison("cosmos_lt"),
    exp.LTE: _comparison("cosmos_le"),
    exp.GT: _comparison("cosmos_gt"),
    exp.GTE: _comparison("cosmos_ge"),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _like_escape,
}

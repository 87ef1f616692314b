"""text -> tokens -> precedence parser -> closure over a message -> True, False or unknown

SQL filters of subscription rules: the predicates and expressions of
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-filter without functions and
parameters. Logic is three-valued, with None as unknown: a missing property, a null, or operands that C# would not
compare. Only True matches.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from local.servicebus.sql_values import INT64, Comparison, both, calculate, compare, either, like, negate

MAX_LENGTH: Final = 1024  # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas
MAX_DEPTH: Final = 50


@dataclass(frozen=True)
class Facts:
    """What a filter sees of a message. `user` is keyed in lower case: names are case-insensitive."""

    system: Mapping[str, Any]
    user: Mapping[str, Any]


Evaluate = Callable[[Facts], Any]

SYSTEM: Final = ("ContentType", "CorrelationId", "Label", "MessageId", "ReplyTo", "ReplyToSessionId", "SessionId")
SYSTEM_NAMES: Final = {name.lower(): name for name in (*SYSTEM, "Subject", "To")}


class SqlError(ValueError):
    """The text is no SQL filter; names what stands where and what was expected."""

    def __init__(self, text: str, at: int, wrong: str) -> None:
        super().__init__(f"{wrong} at position {at + 1} of: {text}")


class Token(NamedTuple):
    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Node:
    """`is_predicate` keeps `a = 1` apart from `a`: a value is no condition and a condition no value."""

    evaluate: Evaluate
    is_predicate: bool
    at: int


_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>'(?:[^']|'')*')
    | (?P<delimited>\[(?:[^\]]|\]\])+\]|"(?:[^"]|"")+")
    | (?P<word>[^\W\d_]\w*)
    | (?P<operator><>|!=|<=|>=|[=<>+\-*/%(),.])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_KEYWORDS: Final = {"and", "or", "not", "in", "like", "escape", "is", "null", "exists", "true", "false"}
_COMPARE: Final[dict[str, Comparison]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_filter(text: str) -> Callable[[Facts], bool]:
    """A filter's text as a predicate.

    Raises:
        SqlError: outside the subset above, or longer than Azure's 1024 characters.
    """
    if len(text) > MAX_LENGTH:
        raise SqlError(text[:60] + "...", MAX_LENGTH, f"a filter has at most {MAX_LENGTH} characters: too long")
    predicate = _Parser(text).parse().evaluate
    return lambda facts: predicate(facts) is True


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, at)
        if not match:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            hint = ": parameters are not supported" if text[start] == "@" else ""
            raise SqlError(text, start, f"unexpected {text[start]!r}{hint}")
        kind = str(match.lastgroup)
        word = match.group(kind)
        keyword = kind == "word" and word.lower() in _KEYWORDS
        found.append(Token("keyword" if keyword else kind, word.lower() if keyword else word, match.start(kind)))
        at = match.end()
    return found


class _Parser:
    """Lowest to highest: OR, AND, NOT, comparison, + -, * / %, sign."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._depth = 0

    def parse(self) -> Node:
        node = self._predicate(self._or())
        if self._next.kind != "end":
            raise self._unexpected("AND, OR or the end")
        return node

    # Tokens

    @property
    def _next(self) -> Token:
        return self._tokens[0]

    def _take(self, *texts: str) -> Token | None:
        """The next token if it is one of these operators or keywords."""
        if self._next.kind in ("operator", "keyword") and self._next.text in texts:
            return self._tokens.pop(0)
        return None

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(f"'{text.upper()}'")

    def _unexpected(self, wanted: str) -> SqlError:
        found = repr(self._next.text) if self._next.kind != "end" else "the end"
        return SqlError(self._text, self._next.at, f"expected {wanted}, found {found}")

    def _predicate(self, node: Node) -> Node:
        if not node.is_predicate:
            raise SqlError(self._text, node.at, "a value is no condition, compare it with something: found one")
        return node

    def _value(self, node: Node) -> Node:
        if node.is_predicate:
            raise SqlError(self._text, node.at, "expected a value, found a condition")
        return node

    # Conditions

    def _or(self) -> Node:
        left = self._and()
        while self._take("or"):
            left = self._joined(either, left, self._and())
        return left

    def _and(self) -> Node:
        left = self._not()
        while self._take("and"):
            left = self._joined(both, left, self._not())
        return left

    def _joined(self, join: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
        one, other = self._predicate(left).evaluate, self._predicate(right).evaluate
        return Node(lambda facts: join(one(facts), other(facts)), is_predicate=True, at=left.at)

    def _not(self) -> Node:
        token = self._take("not")
        if not token:
            return self._comparison()
        self._enter(token)
        inner = self._predicate(self._not()).evaluate
        self._depth -= 1
        return Node(lambda facts: negate(inner(facts)), is_predicate=True, at=token.at)

    def _comparison(self) -> Node:
        left = self._sum()
        if token := self._take(*_COMPARE):
            return self._compared(self._value(left), _COMPARE[token.text], self._value(self._sum()))
        if self._take("is"):
            wanted = self._take("not") is None
            self._expect("null")
            value = self._value(left).evaluate
            return Node(lambda facts: (value(facts) is None) is wanted, is_predicate=True, at=left.at)
        negated = self._take("not")
        if self._take("in"):
            node = self._in(self._value(left))
        elif self._take("like"):
            node = self._like(self._value(left))
        elif negated:
            raise self._unexpected("IN or LIKE")
        else:
            return left
        inner = node.evaluate
        return Node(lambda facts: negate(inner(facts)), is_predicate=True, at=left.at) if negated else node

    def _compared(self, left: Node, operation: Comparison, right: Node) -> Node:
        one, other = left.evaluate, right.evaluate
        return Node(lambda facts: compare(operation, one(facts), other(facts)), is_predicate=True, at=left.at)

    def _in(self, left: Node) -> Node:
        self._expect("(")
        items = [self._value(self._sum()).evaluate]
        while self._take(","):
            items.append(self._value(self._sum()).evaluate)
        self._expect(")")
        value = left.evaluate

        def contained(facts: Facts) -> bool | None:
            found = [compare(operator.eq, value(facts), item(facts)) for item in items]
            return True if True in found else None if None in found else False

        return Node(contained, is_predicate=True, at=left.at)

    def _like(self, left: Node) -> Node:
        pattern = self._value(self._sum()).evaluate
        escape = self._value(self._sum()).evaluate if self._take("escape") else None
        value = left.evaluate

        def matches(facts: Facts) -> bool | None:
            return like(value(facts), pattern(facts), escape(facts) if escape else "")

        return Node(matches, is_predicate=True, at=left.at)

    # Values

    def _sum(self) -> Node:
        left = self._product()
        while token := self._take("+", "-"):
            left = self._calculated(self._value(left), token.text, self._value(self._product()))
        return left

    def _product(self) -> Node:
        left = self._sign()
        while token := self._take("*", "/", "%"):
            left = self._calculated(self._value(left), token.text, self._value(self._sign()))
        return left

    def _calculated(self, left: Node, symbol: str, right: Node) -> Node:
        one, other = left.evaluate, right.evaluate
        return Node(lambda facts: calculate(symbol, one(facts), other(facts)), is_predicate=False, at=left.at)

    def _sign(self) -> Node:
        token = self._take("+", "-")
        if not token:
            return self._primary()
        self._enter(token)
        inner = self._value(self._sign()).evaluate
        self._depth -= 1
        return Node(lambda facts: calculate(token.text, 0, inner(facts)), is_predicate=False, at=token.at)

    def _primary(self) -> Node:
        if token := self._take("("):
            self._enter(token)
            node = self._or()
            self._depth -= 1
            self._expect(")")
            return node
        if token := self._take("exists"):
            self._expect("(")
            at = self._next.at
            present = self._property(presence=True)
            self._expect(")")
            return Node(present, is_predicate=True, at=at)
        if token := self._take("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[token.text]
            return Node(lambda _: constant, is_predicate=False, at=token.at)
        at = self._next.at
        if self._next.kind == "string":
            literal = self._tokens.pop(0).text[1:-1].replace("''", "'")
            return Node(lambda _: literal, is_predicate=False, at=at)
        if self._next.kind == "number":
            number = self._number()
            return Node(lambda _: number, is_predicate=False, at=at)
        return Node(self._property(presence=False), is_predicate=False, at=at)

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SqlError(self._text, token.at, f"nested deeper than {MAX_DEPTH}")

    def _number(self) -> int | float:
        token = self._tokens.pop(0)
        if not token.text.isdecimal():
            return float(token.text)
        number = int(token.text)
        if number >= INT64:
            raise SqlError(self._text, token.at, f"{number} does not fit 64 bits: too large a number")
        return number

    def _property(self, *, presence: bool) -> Evaluate:
        first = self._name()
        scope = first.text.lower()
        if first.kind == "word" and scope in ("sys", "user") and self._take("."):
            name = self._name()
            if scope == "sys":
                return self._system(name, presence=presence)
            key = _unquote(name).lower()
        else:
            key = _unquote(first).lower()
        if self._next.text == "(":
            raise SqlError(self._text, first.at, f"functions are not supported: '{first.text}(' found")
        return (lambda facts: key in facts.user) if presence else (lambda facts: facts.user.get(key))

    def _system(self, name: Token, *, presence: bool) -> Evaluate:
        known = SYSTEM_NAMES.get(_unquote(name).lower())
        if known is None:
            names = ", ".join(SYSTEM_NAMES.values())
            raise SqlError(self._text, name.at, f"there is no sys.{name.text}, only {names}: unknown property")
        key = "Label" if known == "Subject" else known
        if presence:
            return lambda facts: facts.system.get(key) is not None
        return lambda facts: facts.system.get(key)

    def _name(self) -> Token:
        if self._next.kind not in ("word", "delimited"):
            raise self._unexpected("a value")
        return self._tokens.pop(0)


def _unquote(token: Token) -> str:
    if token.kind != "delimited":
        return token.text
    close = token.text[-1]
    return token.text[1:-1].replace(close * 2, close)

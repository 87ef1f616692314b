"""value, operator, value -> value or unknown (None), by the rules of C#

Numbers go with numbers, text with text, booleans with booleans (equality only), other types with their own; anything
else is unknown, as is a null or a missing property. Integers are 64 bits wide.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-filter
"""

import operator
import re
from collections.abc import Callable
from math import fmod
from typing import Any, Final

INT64: Final = 1 << 63

Comparison = Callable[[Any, Any], bool]
EQUALITY: Final = (operator.eq, operator.ne)


def compare(operation: Comparison, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    numbers = _is_number(left) and _is_number(right)
    if not numbers and type(left) is not type(right):
        return None
    if isinstance(left, bool) and operation not in EQUALITY:
        return None
    try:
        return operation(left, right)
    except TypeError:
        return None


def calculate(symbol: str, left: Any, right: Any) -> Any:
    if symbol == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not (_is_number(left) and _is_number(right)):
        return None
    try:
        result = _ARITHMETIC[symbol](left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None if isinstance(result, int) and not -INT64 <= result < INT64 else result


def like(value: Any, pattern: Any, escape: Any) -> bool | None:
    """`%` is any text, `_` any character; what follows the escape character (one, or none) is itself."""
    if not (isinstance(value, str) and isinstance(pattern, str) and isinstance(escape, str)):
        return None
    expression, literal = "", False
    for character in pattern:
        if not literal and character == escape:
            literal = True
            continue
        wildcard = None if literal else {"%": ".*", "_": "."}.get(character)
        expression += wildcard or re.escape(character)
        literal = False
    return re.fullmatch(expression, value, re.DOTALL) is not None


def negate(value: Any) -> bool | None:
    return None if value is None else not value


def both(one: Any, other: Any) -> bool | None:
    return False if False in (one, other) else None if None in (one, other) else True


def either(one: Any, other: Any) -> bool | None:
    return True if True in (one, other) else None if None in (one, other) else False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _divide(left: Any, right: Any) -> Any:
    """Integers divide towards zero."""
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) is (right < 0) else -quotient


def _remainder(left: Any, right: Any) -> Any:
    """With the sign of the dividend."""
    if isinstance(left, float) or isinstance(right, float):
        return fmod(left, right)
    return left - right * _divide(left, right)


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}

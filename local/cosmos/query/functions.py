"""the functions and operators of the query language, on parsed values: undefined goes in, undefined comes out"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from local.cosmos.documents import is_array, is_object
from local.cosmos.query.values import UNDEFINED, equal, kind_of

Number = int | float
Function = Callable[..., Any]


def _is(*kinds: str) -> Function:
    def call(value: Any) -> bool:
        return value is not UNDEFINED and kind_of(value) in kinds

    return call


def _of_strings(function: Callable[[str, str], bool]) -> Function:
    """Two strings and, if given, whether to ignore case."""

    def call(left: Any, right: Any, *options: Any) -> Any:
        if not all(isinstance(value, str) for value in (left, right)) or options not in ((), (True,), (False,)):
            return UNDEFINED
        return function(left.casefold(), right.casefold()) if options == (True,) else function(left, right)

    return call


def _of_string(function: Callable[[str], Any]) -> Function:
    def call(value: Any) -> Any:
        return function(value) if isinstance(value, str) else UNDEFINED

    return call


def _of_numbers(function: Callable[..., Number]) -> Function:
    """Numbers in, a finite number out, or undefined."""

    def call(*values: Any) -> Any:
        if any(value is UNDEFINED or kind_of(value) != "number" for value in values):
            return UNDEFINED
        try:
            result = function(*values)
            return result if math.isfinite(result) else UNDEFINED
        except (ZeroDivisionError, OverflowError):
            return UNDEFINED

    return call


def _contains(text: str, part: str) -> bool:
    return part in text


def _add(left: Number, right: Number) -> Number:
    return left + right


def _subtract(left: Number, right: Number) -> Number:
    return left - right


def _multiply(left: Number, right: Number) -> Number:
    return left * right


def _divide(left: Number, right: Number) -> Number:
    return left // right if isinstance(left, int) and isinstance(right, int) and left % right == 0 else left / right


def _remainder(left: Number, right: Number) -> Number:
    return math.copysign(abs(left) % abs(right), left)  # the sign of the dividend, as in C


def _negate(value: Number) -> Number:
    return -value


def _absolute(value: Number) -> Number:
    return abs(value)


def _round(value: Number) -> Number:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)  # halves away from zero


def _length(value: str) -> int:
    return len(value.encode("utf-16-le")) // 2  # UTF-16 units, as in .NET


def _concat(*values: Any) -> Any:
    return "".join(values) if all(isinstance(value, str) for value in values) else UNDEFINED


def _substring(value: Any, start: Any, length: Any) -> Any:
    if not isinstance(value, str) or not (_is("number")(start) and _is("number")(length)):
        return UNDEFINED
    begin = max(int(start), 0)
    return value[begin : begin + max(int(length), 0)]


def _array_contains(array: Any, wanted: Any, *options: Any) -> Any:
    """With a third argument `true`, an object matches if it has at least the wanted one's properties."""
    if not is_array(array) or wanted is UNDEFINED:
        return UNDEFINED if array is UNDEFINED else False
    if options == (True,) and is_object(wanted):
        return any(is_object(entry) and _has(entry, wanted) for entry in array)
    return any(equal(entry, wanted) for entry in array)


def _has(entry: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(name in entry and equal(entry[name], value) for name, value in wanted.items())


def _array_length(value: Any) -> Any:
    return len(value) if is_array(value) else UNDEFINED


def like(text: Any, pattern: Any, escape: Any) -> Any:
    """LIKE: % is any text, _ one character, [a-z] and [^a-z] sets; `escape` takes the next character literally."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        return UNDEFINED
    return _like_pattern(pattern, escape if isinstance(escape, str) else None).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        closing = pattern.find("]", at + 2) if char == "[" else -1
        if char == escape and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        elif char in "%_":
            parts.append(".*" if char == "%" else ".")
        elif closing > 0:
            negated = pattern[at + 1] == "^"
            members = re.sub(r"([\\\[\]^&~|])", r"\\\1", pattern[at + 1 + negated : closing])
            parts.append(f"[{'^' if negated else ''}{members}]" if members else "(?!)")
            at = closing
        else:
            parts.append(re.escape(char))
        at += 1
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")  # a set such as [z-a] matches nothing


# name -> the function, the fewest and the most arguments; names without capitals are operators
FUNCTIONS: dict[str, tuple[Function, int, int]] = {
    "IS_ARRAY": (_is("array"), 1, 1),
    "IS_BOOL": (_is("boolean"), 1, 1),
    "IS_DEFINED": (_is("null", "boolean", "number", "string", "array", "object"), 1, 1),
    "IS_NULL": (_is("null"), 1, 1),
    "IS_NUMBER": (_is("number"), 1, 1),
    "IS_OBJECT": (_is("object"), 1, 1),
    "IS_PRIMITIVE": (_is("null", "boolean", "number", "string"), 1, 1),
    "IS_STRING": (_is("string"), 1, 1),
    "CONTAINS": (_of_strings(_contains), 2, 3),
    "ENDSWITH": (_of_strings(str.endswith), 2, 3),
    "STARTSWITH": (_of_strings(str.startswith), 2, 3),
    "STRINGEQUALS": (_of_strings(str.__eq__), 2, 3),
    "CONCAT": (_concat, 2, 32),
    "LENGTH": (_of_string(_length), 1, 1),
    "LOWER": (_of_string(str.lower), 1, 1),
    "SUBSTRING": (_substring, 3, 3),
    "TRIM": (_of_string(str.strip), 1, 1),
    "UPPER": (_of_string(str.upper), 1, 1),
    "ABS": (_of_numbers(_absolute), 1, 1),
    "CEILING": (_of_numbers(math.ceil), 1, 1),
    "FLOOR": (_of_numbers(math.floor), 1, 1),
    "ROUND": (_of_numbers(_round), 1, 1),
    "ARRAY_CONTAINS": (_array_contains, 2, 3),
    "ARRAY_LENGTH": (_array_length, 1, 1),
    "+": (_of_numbers(_add), 2, 2),
    "-": (_of_numbers(_subtract), 2, 2),
    "*": (_of_numbers(_multiply), 2, 2),
    "/": (_of_numbers(_divide), 2, 2),
    "%": (_of_numbers(_remainder), 2, 2),
    "negate": (_of_numbers(_negate), 1, 1),
    "like": (like, 3, 3),
}
PUBLIC_NAMES = tuple(sorted(name for name in FUNCTIONS if name.isupper()))

"""Cosmos' idea of values: which are comparable, which are equal, how they sort

Sources: https://learn.microsoft.com/azure/cosmos-db/nosql/query/ and, for the equality of different types (false,
where that page says undefined), ScalarExpressionEvaluator in the tests of Microsoft's .NET SDK.
"""

import json
import struct
from typing import Any, Final, Literal

from local.cosmos.documents import dumps, is_array, is_object

Kind = Literal["null", "boolean", "number", "string", "array", "object"]
UNDEFINED: Final = object()


def kind_of(value: Any) -> Kind:
    """The JSON type of a parsed value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "array" if is_array(value) else "object"


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 for two nulls, booleans, numbers or strings; None for different types, arrays and objects."""
    kind = kind_of(left)
    if kind != kind_of(right) or kind in ("array", "object"):
        return None
    if kind == "null":
        return 0
    if kind == "string":
        left, right = left.encode("utf-16-be"), right.encode("utf-16-be")  # ordinal, as in .NET
    return (left > right) - (left < right)


def equal(left: Any, right: Any) -> bool:
    """Deep equality: 1 equals 1.0 but not true; the order of properties does not matter."""
    if kind_of(left) != kind_of(right):
        return False
    if is_array(left):
        return len(left) == len(right) and all(map(equal, left, right))
    if is_object(left):
        return left.keys() == right.keys() and all(equal(value, right[name]) for name, value in left.items())
    return left == right


def sort_key(text: str | None) -> bytes:
    """Bytes that sort as Cosmos orders values: undefined, null, false, true, numbers, strings, arrays, objects.

    `text` is JSON, None is undefined. Equal values have equal bytes, so they also serve GROUP BY and DISTINCT.
    """
    if text is None:
        return b"\x00"
    value = json.loads(text)
    match kind_of(value):
        case "null":
            key = b"\x01"
        case "boolean":
            key = b"\x03" if value else b"\x02"
        case "number":
            bits = int.from_bytes(struct.pack(">d", value + 0.0), "big")  # + 0.0 makes -0.0 zero
            key = b"\x04" + (bits ^ (2**64 - 1 if bits >> 63 else 2**63)).to_bytes(8, "big")
        case "string":
            key = b"\x05" + value.encode("utf-16-be")
        case "array":
            key = b"\x06" + _canonical(value)
        case "object":
            key = b"\x07" + _canonical(value)
    return key


def _canonical(value: Any) -> bytes:
    if is_array(value):
        return b"[" + b",".join(_canonical(entry) for entry in value) + b"]"
    if is_object(value):
        return b"{" + b",".join(dumps(name).encode() + _canonical(value[name]) for name in sorted(value)) + b"}"
    return dumps(float(value) + 0.0 if kind_of(value) == "number" else value).encode()

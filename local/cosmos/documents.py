"""bytes from a client -> JSON -> a document that may be stored"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

from local.cosmos.errors import bad_request, too_large

# https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
MAX_ITEM_BYTES = 2 * 1024 * 1024
MAX_ID_BYTES = 1023
MAX_NESTING = 128
MAX_TTL = 2**31 - 1
FORBIDDEN_IN_ID = frozenset("/\\#?")

SYSTEM_PROPERTIES = ("_rid", "_self", "_etag", "_attachments", "_ts")


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def loads(data: bytes | str, what: str = "body") -> Any:
    """Parse JSON strictly: no NaN, no lone surrogates, numbers within a double, at most `MAX_NESTING` deep.

    Raises:
        CosmosError: 400 that says what is wrong and where.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_double)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise bad_request(f"The {what} is not valid UTF-8 text: {error}.") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise bad_request(f"The {what} is not valid JSON: {reason}.") from None
    if nesting(value) > MAX_NESTING:
        raise bad_request(f"The {what} is nested deeper than {MAX_NESTING} levels; flatten it.")
    return value


def dumps(value: Any) -> str:
    """Compact JSON that keeps non-ASCII text: SQLite compares property names as they are written."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def nesting(value: Any) -> int:
    """Levels of objects and arrays; a scalar has none."""
    depth = 0
    level: list[Any] = [value]
    while level := [entry for entry in level if is_object(entry) or is_array(entry)]:
        depth += 1
        level = [child for entry in level for child in (entry.values() if is_object(entry) else entry)]
    return depth


def check_id(value: object, what: str = "id", limit: int = MAX_ID_BYTES) -> str:
    """The id of an item (up to 1023 bytes), or of a database or container (255).

    Raises:
        CosmosError: 400 that names the id and the rule.
    """
    if not isinstance(value, str) or not value:
        raise bad_request(f"The {what} must be a non-empty string, got {dumps(value)}.")
    if found := sorted(FORBIDDEN_IN_ID & set(value)):
        raise bad_request(f"The {what} '{value}' contains {' '.join(found)}; the characters / \\ # ? are not allowed.")
    if value.endswith(" "):
        raise bad_request(f"The {what} '{value}' ends with a space, which is not allowed.")
    if (size := len(value.encode())) > limit:
        raise bad_request(f"The {what} '{value[:40]}...' has {size} bytes, at most {limit} are allowed.")
    return value


def check_item(document: object) -> dict[str, Any]:
    """A document as a client may send it: an object with a legal `id` and, if any, a legal `ttl`.

    Raises:
        CosmosError: 400 that names the property.
    """
    if not is_object(document):
        raise bad_request(f"An item must be a JSON object, got {dumps(document)[:80]}.")
    if "id" not in document:
        raise bad_request("The item lacks the required property 'id'.")
    check_id(document["id"])
    if "ttl" in document:
        check_ttl(document["ttl"])
    return document


def check_ttl(ttl: object) -> int:
    """Seconds to live, 1 to 2147483647, or -1 for never.

    Raises:
        CosmosError: 400 that names the value.
    """
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not (ttl == -1 or 1 <= ttl <= MAX_TTL):
        raise bad_request(f"The ttl {dumps(ttl)} is invalid: a whole number of seconds 1..{MAX_TTL}, or -1 for never.")
    return ttl


def check_size(text: str) -> str:
    """The stored text of an item, at most 2 MB as UTF-8.

    Raises:
        CosmosError: 413.
    """
    if len(text) * 4 > MAX_ITEM_BYTES and (size := len(text.encode())) > MAX_ITEM_BYTES:
        raise too_large(f"Request size is too large: the item has {size} bytes, at most {MAX_ITEM_BYTES} are allowed.")
    return text


def without_system_properties(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in SYSTEM_PROPERTIES}


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON value"
    raise ValueError(message)


def _integer(digits: str) -> int | float:
    value = int(digits)  # refuses more than 4300 digits with a ValueError
    _double(digits)
    return value


def _double(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        message = f"the number {digits[:40]} does not fit a double"
        raise ValueError(message)
    return value

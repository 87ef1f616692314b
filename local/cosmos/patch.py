"""a document and partial-update operations -> the changed document (pure)

Rules: https://learn.microsoft.com/azure/cosmos-db/partial-document-update
"""

from copy import deepcopy
from sys import float_info
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from local.cosmos.documents import SYSTEM_PROPERTIES, dumps, is_array, is_object
from local.cosmos.errors import bad_request, explain

MAX_OPERATIONS = 10


class PatchOperation(BaseModel):
    """One step. `path` and `from` are JSON pointers; "-" is the place after an array's last element."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    op: Literal["add", "set", "replace", "remove", "incr", "move"]
    path: Annotated[str, Field(pattern=r"^/")]
    value: Any = None
    source: Annotated[str | None, Field(alias="from", pattern=r"^/")] = None

    @field_validator("op", mode="before")
    @classmethod
    def increment_is_incr(cls, op: object) -> object:
        return "incr" if op == "increment" else op


class Patch(BaseModel):
    """What PATCH brings: up to ten operations, all or none of them, perhaps under a condition."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    operations: Annotated[list[PatchOperation], Field(min_length=1, max_length=MAX_OPERATIONS)]
    condition: str | None = None


def parse_patch(body: object) -> Patch:
    """Raises CosmosError 400 that names the operation and what is allowed."""
    try:
        return Patch.model_validate(body)
    except ValidationError as error:
        raise bad_request(f"The patch is invalid: {explain(error)}.") from None


def apply_patch(document: dict[str, Any], operations: list[PatchOperation]) -> dict[str, Any]:
    """A changed copy of `document`.

    Raises:
        CosmosError: 400 that says which operation (counted from 1) does not fit the document, and why.
    """
    changed = deepcopy(document)
    for position, operation in enumerate(operations, start=1):
        try:
            _apply(changed, operation)
        except _Misfit as misfit:
            raise bad_request(f"Patch operation {position} ({operation.op} {operation.path}): {misfit}.") from None
    return changed


class _Misfit(Exception):  # noqa: N818 (it never leaves this module)
    pass


def _apply(document: dict[str, Any], operation: PatchOperation) -> None:
    path = _pointer(operation.path)
    value = deepcopy(operation.value)
    match operation.op:
        case "add":
            _put(document, path, value, insert=True)
        case "set":
            _put(document, path, value, insert=False)
        case "replace":
            _get(document, path)
            _put(document, path, value, insert=False)
        case "remove":
            _take(document, path)
        case "incr":
            _increment(document, path, value)
        case "move":
            source = _pointer(operation.source or "")
            if len(path) > len(source) and path[: len(source)] == source:
                message = "the target lies within the source"
                raise _Misfit(message)
            _put(document, path, _take(document, source), insert=True)


def _pointer(text: str) -> list[str]:
    if not text:
        message = "move needs 'from'"
        raise _Misfit(message)
    names = [name.replace("~1", "/").replace("~0", "~") for name in text[1:].split("/")]
    if names[0] in SYSTEM_PROPERTIES:
        message = f"{names[0]} is a system property"
        raise _Misfit(message)
    return names


def _parent(document: dict[str, Any], path: list[str]) -> dict[str, Any] | list[Any]:
    target = _get(document, path[:-1])
    if not (is_object(target) or is_array(target)):
        message = f"/{'/'.join(path[:-1])} is neither an object nor an array"
        raise _Misfit(message)
    return target


def _get(document: Any, path: list[str]) -> Any:
    for depth, name in enumerate(path):
        if is_object(document) and name in document:
            document = document[name]
        elif is_array(document):
            document = document[_index(name, len(document) - 1)]
        else:
            message = f"/{'/'.join(path[: depth + 1])} does not exist"
            raise _Misfit(message)
    return document


def _put(document: dict[str, Any], path: list[str], value: Any, *, insert: bool) -> None:
    parent, name = _parent(document, path), path[-1]
    if isinstance(parent, dict):
        parent[name] = value
    elif name == "-" or insert:
        parent.insert(len(parent) if name == "-" else _index(name, len(parent)), value)
    else:
        parent[_index(name, len(parent) - 1)] = value


def _take(document: dict[str, Any], path: list[str]) -> Any:
    value = _get(document, path)
    parent = _parent(document, path)
    if isinstance(parent, dict):
        del parent[path[-1]]
    else:
        del parent[int(path[-1])]
    return value


def _increment(document: dict[str, Any], path: list[str], by: Any) -> None:
    if not _is_number(by):
        message = f"the increment must be a number, got {dumps(by)}"
        raise _Misfit(message)
    parent = _parent(document, path)
    if isinstance(parent, dict) and path[-1] not in parent:
        parent[path[-1]] = by
        return
    current = _get(document, path)
    if not _is_number(current):
        message = f"the value there is not a number but {dumps(current)[:80]}"
        raise _Misfit(message)
    if abs(total := current + by) > float_info.max:
        message = f"{dumps(current)} + {dumps(by)} does not fit a double"
        raise _Misfit(message)
    _put(document, path, total, insert=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _index(name: str, last: int) -> int:
    if not (name.isascii() and name.isdecimal()) or (len(name) > 1 and name[0] == "0") or int(name[:18]) > last:
        message = f"'{name}' is not an index into an array whose last one is {last}"
        raise _Misfit(message)
    return int(name)

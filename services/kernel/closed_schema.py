"""Pydantic model -> the JSON schema that structured outputs accept.

Azure OpenAI refuses bounds (minLength, maximum, pattern, maxItems, ...), and both providers want every object
closed and every property required. Bounds are stripped here and enforced by Pydantic when the answer
comes back; the keyword list is the one of the Azure OpenAI structured outputs page (read 2026-06).
"""

from typing import Any, cast

from pydantic import BaseModel

BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
LENGTHS = {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"}
SHAPES = {"pattern", "format", "contains", "prefixItems", "patternProperties", "propertyNames"}
NOTES = {"default", "title", "discriminator"}
REFUSED = BOUNDS | LENGTHS | SHAPES | NOTES


class OpenSchemaError(TypeError):
    """An answer model leaves room for anything: a free-form object, or an untyped field."""


def closed_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema to send for this answer model.

    Raises:
        OpenSchemaError: if a part of the model cannot be closed, naming the part.
    """
    return _close(model.model_json_schema(), model.__name__)


def _close(schema: dict[str, Any], path: str) -> dict[str, Any]:
    if "$ref" in schema:  # siblings of a reference are refused
        return {"$ref": schema["$ref"]}
    closed = {key: value for key, value in schema.items() if key not in REFUSED}
    if "const" in closed:
        closed["enum"] = [closed.pop("const")]
    if "oneOf" in closed:
        closed["anyOf"] = closed.pop("oneOf")
    for several in ("$defs", "properties"):
        if several in closed:
            parts = cast("dict[str, dict[str, Any]]", closed[several])
            closed[several] = {name: _close(part, f"{path}.{name}") for name, part in parts.items()}
    if "anyOf" in closed:
        closed["anyOf"] = [_close(part, f"{path}|{at}") for at, part in enumerate(closed["anyOf"])]
    if "items" in closed:
        closed["items"] = _close(closed["items"], f"{path}[]")
    return _require_all(closed, path)


def _require_all(closed: dict[str, Any], path: str) -> dict[str, Any]:
    if closed.get("type") == "object":
        if "properties" not in closed:
            raise OpenSchemaError(f"{path} is a free-form object: list its fields, or use a list of key and value")
        return closed | {"required": list(closed["properties"]), "additionalProperties": False}
    if closed.get("type") == "array" and "items" not in closed:
        raise OpenSchemaError(f"{path} is a tuple of different parts: give them names, in a model of their own")
    if not closed.keys() & {"type", "anyOf"}:
        raise OpenSchemaError(f"{path} has no type, or several: the model could answer anything")
    return closed

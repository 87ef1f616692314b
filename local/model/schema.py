"""a strict response schema -> shapes that answers are made from, or the reason why the API would refuse it

Structured outputs take a closed subset of JSON Schema: every object says `additionalProperties: false` and requires
all its properties, the root is an object, and keywords that bound a value are refused, as Azure does for every model
(learn.microsoft.com, "Structured outputs", 2026-06; OpenAI itself has accepted bounds since May 2025). The sentences
of the refusals are the API's own where its wording is known from public issue threads.
"""

from collections.abc import Mapping
from math import inf
from typing import Any, cast

from local.model.shapes import (
    Array,
    Choice,
    JsonObject,
    Real,
    Record,
    Ref,
    Schema,
    Shape,
    Text,
    Union,
    Whole,
    is_list,
    is_number,
    is_object,
    parts,
    same,
    size_of,
    smallest,
)

MAX_PROPERTIES = 100
MAX_NESTING = 5
MAX_ENUM_VALUES = 1000
LONG_ENUM = 250
MAX_LONG_ENUM_CHARACTERS = 15_000
MAX_DEPTH = 64
"""How deep a schema itself may nest before it is no longer read: arrays of arrays do not count as objects."""
MAX_SMALLEST_ANSWER = 10_000
"""References fan out: a page of schema can ask for an answer of billions of values."""

PERMITTED = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"}
    | {"$ref", "$defs", "definitions", "$schema", "title", "description"}
)
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


SIMPLE: Mapping[str, Shape] = {
    "string": Text(),
    "integer": Whole(),
    "number": Real(),
    "boolean": Choice((False, True)),
    "null": Choice((None,)),
}


class SchemaError(ValueError):
    """The API would refuse this schema; the sentence says where and why."""


def read_schema(raw: object) -> Schema:
    """Read the `schema` member of a `response_format`.

    Raises:
        SchemaError: the API would refuse it, or a part of it has no finite, reasonably small instance.
    """
    reader = _Reader()
    shapes = reader.document(raw)
    _refuse_circles(shapes)
    sizes = smallest(shapes)
    for pointer, shape in shapes.items():
        size = max(size_of(part, sizes) for part in parts(shape))
        if size == inf:
            raise SchemaError(f"'{pointer}' has no finite instance: it requires itself without an alternative.")
        if size > MAX_SMALLEST_ANSWER:
            raise SchemaError(f"'{pointer}' cannot be satisfied with fewer than {MAX_SMALLEST_ANSWER:,} values.")
    return Schema(shapes, sizes)


def _refuse_circles(shapes: Mapping[str, Shape]) -> None:
    """A definition that is an alternative of itself says nothing, and no reader of it would come to an end."""
    meant = {pointer: _bare_references(shape) for pointer, shape in shapes.items()}
    for _ in meant:
        meant = {pointer: refs.union(*(meant[ref] for ref in refs)) for pointer, refs in meant.items()}
    for pointer, refs in meant.items():
        if pointer in refs:
            raise SchemaError(f"'{pointer}' refers to itself with nothing in between.")


def _bare_references(shape: Shape) -> frozenset[str]:
    match shape:
        case Ref(pointer):
            return frozenset({pointer})
        case Union(options):
            return frozenset[str]().union(*map(_bare_references, options))
        case _:
            return frozenset()


class _Reader:
    """Walks one document, counting what the API limits over the whole of it."""

    def __init__(self) -> None:
        self.properties = 0
        self.enum_values = 0
        self.references: list[tuple[str, tuple[str, ...]]] = []

    def document(self, raw: object) -> dict[str, Shape]:
        if not is_object(raw):
            raise SchemaError(f"a schema is a JSON object, not {raw!r:.80}.")
        if raw.get("type") != "object" or raw.keys() & {"anyOf", "$ref"}:
            kind = next((keyword for keyword in ("anyOf", "$ref") if keyword in raw), raw.get("type"))
            raise SchemaError(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.")
        shapes = {"#": self.shape(raw, (), objects=0, depth=0)}
        for keyword in ("$defs", "definitions"):
            definitions = raw.get(keyword, {})
            if not is_object(definitions):
                raise SchemaError(f"'{keyword}' must be an object of schemas.")
            for name, definition in definitions.items():
                shapes[f"#/{keyword}/{name}"] = self.shape(definition, (keyword, name), objects=0, depth=0)
        for pointer, at in self.references:
            if pointer not in shapes:
                known = ", ".join(sorted(shapes))
                raise _refusal(at, f"$ref '{pointer}' names no definition; there are: {known}")
        return shapes

    def shape(self, raw: object, at: tuple[str, ...], *, objects: int, depth: int) -> Shape:
        if depth > MAX_DEPTH:
            raise SchemaError(f"the schema nests more than {MAX_DEPTH} levels deep.")
        if not is_object(raw):
            raise _refusal(at, f"a schema is a JSON object, not {raw!r:.80}")
        for keyword in raw:
            if keyword not in PERMITTED:
                raise _refusal(at, f"'{keyword}' is not permitted")
        if "$ref" in raw:
            return self.reference(raw, at)
        if "anyOf" in raw:
            options = raw["anyOf"]
            if not is_list(options) or not options:
                raise _refusal(at, "'anyOf' must be an array of at least one schema")
            return _union(
                self.shape(option, (*at, "anyOf", str(n)), objects=objects, depth=depth + 1)
                for n, option in enumerate(options)
            )
        kinds = self.types(raw, at)
        if "const" in raw or "enum" in raw:
            return self.choice(raw, kinds, at)
        return _union(self.of_type(kind, raw, at, objects=objects, depth=depth) for kind in kinds)

    def reference(self, raw: JsonObject, at: tuple[str, ...]) -> Ref:
        beside = sorted(raw.keys() - {"$ref", "$defs", "definitions"})
        if beside:
            raise _refusal(at, f"$ref cannot have keywords {set(beside)}")
        pointer = raw["$ref"]
        if not isinstance(pointer, str):
            raise _refusal(at, f"$ref must be a string such as '#/$defs/Name', not {pointer!r:.80}")
        self.references.append((pointer, at))
        return Ref(pointer)

    def types(self, raw: JsonObject, at: tuple[str, ...]) -> tuple[str, ...]:
        named: object = raw.get("type")
        kinds = cast("list[object]", named) if is_list(named) else [named]
        if named is None or not kinds:
            raise _refusal(at, "schema must have a 'type' key")
        for kind in kinds:
            if kind not in TYPES:
                raise _refusal(at, f"type {kind!r:.80} is not supported; there are: {', '.join(TYPES)}")
        return tuple(dict.fromkeys(str(kind) for kind in kinds))

    def choice(self, raw: JsonObject, kinds: tuple[str, ...], at: tuple[str, ...]) -> Choice:
        values: object = [raw["const"]] if "const" in raw else raw["enum"]
        if not is_list(values) or not values:
            raise _refusal(at, "'enum' must be an array of at least one value")
        for value in values:
            if not any(_is_of(value, kind) for kind in kinds):
                raise _refusal(at, f"enum value {value!r:.80} does not validate against {{'type': {raw['type']!r}}}")
        self.enum_values += len(values)
        if self.enum_values > MAX_ENUM_VALUES:
            raise SchemaError(f"{self.enum_values} enum values exceed the limit of {MAX_ENUM_VALUES}.")
        characters = sum(len(value) for value in values if isinstance(value, str))
        if len(values) > LONG_ENUM and characters > MAX_LONG_ENUM_CHARACTERS:
            raise _refusal(
                at,
                f"an enum of more than {LONG_ENUM} values may have {MAX_LONG_ENUM_CHARACTERS:,} characters in all, "
                f"this one has {characters:,}",
            )
        unique: list[Any] = []
        for value in values:
            if not any(same(value, known) for known in unique):
                unique.append(value)
        return Choice(tuple(unique))

    def of_type(self, kind: str, raw: JsonObject, at: tuple[str, ...], *, objects: int, depth: int) -> Shape:
        if kind == "object":
            return self.record(raw, at, objects=objects + 1, depth=depth)
        if kind == "array":
            if "items" not in raw:
                raise _refusal(at, "array schema missing items")
            return Array(self.shape(raw["items"], (*at, "items"), objects=objects, depth=depth + 1))
        return SIMPLE[kind]

    def record(self, raw: JsonObject, at: tuple[str, ...], *, objects: int, depth: int) -> Record:
        if objects > MAX_NESTING:
            raise SchemaError(f"{objects} levels of nesting exceeds limit of {MAX_NESTING}.")
        if raw.get("additionalProperties") is not False:
            raise _refusal(at, "'additionalProperties' is required to be supplied and to be false")
        properties = raw.get("properties", {})
        if not is_object(properties):
            raise _refusal(at, "'properties' must be an object of schemas")
        required = raw.get("required", [])
        names = set(map(str, required)) if is_list(required) else set[str]()
        for name in properties:
            if name not in names:
                raise _refusal(
                    at,
                    "'required' is required to be supplied and to be an array including every key in properties. "
                    f"Missing '{name}'",
                )
        for name in sorted(names - properties.keys()):
            raise _refusal(at, f"'required' names '{name}', which 'properties' does not have")
        self.properties += len(properties)
        if self.properties > MAX_PROPERTIES:
            raise SchemaError(f"{self.properties} object properties exceed the limit of {MAX_PROPERTIES}.")
        return Record(
            {
                name: self.shape(child, (*at, "properties", name), objects=objects, depth=depth + 1)
                for name, child in properties.items()
            }
        )


def _refusal(at: tuple[str, ...], why: str) -> SchemaError:
    return SchemaError(f"In context={at}, {why}.")


def _union(options: Any) -> Shape:
    shapes: tuple[Shape, ...] = tuple(options)
    return shapes[0] if len(shapes) == 1 else Union(shapes)


def _is_of(value: object, kind: str) -> bool:
    tests = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "null": value is None,
        "integer": is_number(value) and isinstance(value, int),
        "number": is_number(value),
    }
    return tests.get(kind, False)

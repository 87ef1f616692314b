"""what an answer may look like: the closed subset of JSON Schema as plain data, and JSON's own notions"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, TypeGuard

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One of these values: an enum, a const, a boolean or null."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Text:
    """Any string."""


@dataclass(frozen=True)
class Whole:
    """Any integer."""


@dataclass(frozen=True)
class Real:
    """Any finite number."""


@dataclass(frozen=True)
class Array:
    items: "Shape"


@dataclass(frozen=True)
class Record:
    """An object with exactly these properties, in the schema's order."""

    fields: Mapping[str, "Shape"]


@dataclass(frozen=True)
class Union:
    options: tuple["Shape", ...]


@dataclass(frozen=True)
class Ref:
    """A definition by its pointer: `#`, `#/$defs/Name`."""

    pointer: str


Shape = Choice | Text | Whole | Real | Array | Record | Union | Ref


@dataclass(frozen=True)
class Schema:
    """A readable schema: `shapes` by pointer (`#` is the root), and how many values their smallest instances have."""

    shapes: Mapping[str, Shape]
    sizes: Mapping[str, float]

    @property
    def root(self) -> Shape:
        return self.shapes["#"]

    def resolve(self, shape: Shape) -> Shape:
        """What a reference stands for; anything else as it is."""
        while isinstance(shape, Ref):
            shape = self.shapes[shape.pointer]
        return shape

    def size(self, shape: Shape) -> float:
        """The number of values in the smallest instance of `shape`."""
        return size_of(shape, self.sizes)


def size_of(shape: Shape, sizes: Mapping[str, float]) -> float:
    """The number of values in the smallest instance, given those of the definitions."""
    match shape:
        case Record(fields):
            return 1 + sum(size_of(field, sizes) for field in fields.values())
        case Union(options):
            return min(size_of(option, sizes) for option in options)
        case Ref(pointer):
            return sizes[pointer]
        case _:
            return 1


def smallest(shapes: Mapping[str, Shape]) -> dict[str, float]:
    """The size of the smallest instance of each definition, infinite where none ends.

    Relaxed as often as there are definitions: a smallest instance uses none twice on one path.
    """
    sizes: dict[str, float] = dict.fromkeys(shapes, inf)
    for _ in shapes:
        sizes = {pointer: size_of(shape, sizes) for pointer, shape in shapes.items()}
    return sizes


def parts(shape: Shape) -> Iterator[Shape]:
    """The shape and all that it is made of; references are not followed."""
    yield shape
    match shape:
        case Record(fields):
            inner = tuple(fields.values())
        case Union(options):
            inner = options
        case Array(items):
            inner = (items,)
        case _:
            inner = ()
    for part in inner:
        yield from parts(part)


def is_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: object, other: object) -> bool:
    """JSON equality: Python takes True for 1, JSON does not."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other

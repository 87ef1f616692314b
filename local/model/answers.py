"""schema -> a legal answer; a legal answer -> another one; any value -> does it fit

Pure: what comes out depends on the schema, the answer and the seeded generator alone.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from random import Random
from typing import Any

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
    same,
)

Path = tuple[str | int, ...]

ROOM = 400
"""About how many values a generated answer may have beyond what its schema makes necessary; the parts share it."""

REMARKS = (
    "The facts point this way.",
    "Nothing in the facts speaks against it.",
    "The more careful reading.",
    "In line with similar cases.",
)
"""What a free text is filled with: short, so that a length that only Pydantic knows is rarely exceeded."""


@dataclass(frozen=True)
class Leaf:
    """A place in an answer where something was chosen: its path, what may stand there and what does."""

    path: Path
    shape: Shape
    value: Any


def fits(schema: Schema, value: object, shape: Shape | None = None) -> bool:  # noqa: PLR0911  # one a shape
    """Whether `value` is an instance of `shape` (of the whole schema when none is given)."""
    match schema.resolve(shape or schema.root):
        case Choice(values):
            return any(same(value, legal) for legal in values)
        case Text():
            return isinstance(value, str)
        case Whole():
            return isinstance(value, int) and not isinstance(value, bool)
        case Real():
            return is_number(value) and isfinite(value)
        case Array(items):
            return is_list(value) and all(fits(schema, item, items) for item in value)
        case Record(fields):
            return (
                is_object(value)
                and value.keys() == fields.keys()
                and all(fits(schema, value[name], field) for name, field in fields.items())
            )
        case Union(options):
            return any(fits(schema, value, option) for option in options)
        case Ref():  # pragma: no cover  # resolve() leaves none
            return False


def generate(schema: Schema, rng: Random) -> JsonObject:
    """An instance of the schema, drawn with `rng`. Recursive schemas end, for room gets less with every level."""
    answer: JsonObject = instance(schema, schema.root, rng)
    return answer


def instance(schema: Schema, shape: Shape, rng: Random, room: int = ROOM) -> Any:  # noqa: PLR0911  # one a shape
    """An instance of one shape of the schema, with about `room` values more than necessary."""
    match schema.resolve(shape):
        case Choice(values):
            return rng.choice(values)
        case Text():
            return rng.choice(REMARKS)
        case Whole():
            return rng.randint(1, 5)
        case Real():
            return round(rng.random(), 2)
        case Array(items):
            most = 2 if schema.size(items) <= room else 0
            made = [instance(schema, items, rng, room // 2) for _ in range(rng.randint(min(1, most), most))]
            return _distinct(made)
        case Record(fields):
            share = room // (len(fields) + 1)
            return {name: instance(schema, field, rng, share) for name, field in fields.items()}
        case Union(options):
            affordable = [option for option in options if schema.size(option) <= room]
            option = rng.choice(affordable) if affordable else min(options, key=schema.size)
            return instance(schema, option, rng, room // 2)
        case Ref():  # pragma: no cover  # resolve() leaves none
            return None


def vary(schema: Schema, answer: JsonObject, rng: Random) -> JsonObject:
    """A legal answer that differs in one choice; the same one when the schema leaves no other.

    Enums, booleans, members of lists and alternatives are varied first, free text and numbers only where there is
    nothing else: their bounds are not in the schema that is sent.
    """
    leaves = list(choices(schema, answer))
    weighty = [leaf for leaf in leaves if not isinstance(leaf.shape, Text | Whole | Real)]
    light = [leaf for leaf in leaves if isinstance(leaf.shape, Text | Whole | Real)]
    for group in (weighty, light):
        rng.shuffle(group)
        for leaf in group:
            others = [other for other in _others(schema, leaf, rng) if not same(other, leaf.value)]
            if others:
                return put(answer, leaf.path, rng.choice(others))
    return answer


def choices(schema: Schema, value: object, shape: Shape | None = None, path: Path = ()) -> Iterator[Leaf]:
    """Every place of a fitting answer where something was chosen, outermost first."""
    shape = schema.resolve(shape or schema.root)
    match shape:
        case Record(fields) if is_object(value):
            for name, field in fields.items():
                yield from choices(schema, value[name], field, (*path, name))
        case Array(items) if is_list(value):
            yield Leaf(path, shape, value)
            several_of = isinstance(schema.resolve(items), Choice)  # varied as a list, or a member might come twice
            for index, item in enumerate(() if several_of else value):
                yield from choices(schema, item, items, (*path, index))
        case Union(options):
            yield Leaf(path, shape, value)
            taken = next(option for option in options if fits(schema, value, option))
            yield from choices(schema, value, taken, path)
        case _:
            yield Leaf(path, shape, value)


def put(answer: JsonObject, path: Path, value: object) -> JsonObject:
    """A copy of the answer with `value` at `path`."""
    changed = deepcopy(answer)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def _others(schema: Schema, leaf: Leaf, rng: Random) -> list[Any]:
    match leaf.shape:
        case Choice(values):
            return list(values)
        case Union(options):
            return [instance(schema, option, rng) for option in options if not fits(schema, leaf.value, option)]
        case Array(items):
            return _other_lists(schema.resolve(items), leaf.value)
        case Whole() | Real():
            return [leaf.value + 1]
        case _:
            return list(REMARKS)


def _other_lists(items: Shape, members: list[Any]) -> list[list[Any]]:
    """One member another, or one fewer but never none; longer only from nothing, for `maxItems` is not sent."""
    cut = [(members[:index], members[index + 1 :]) for index in range(len(members))]
    shorter = [[*before, *after] for before, after in cut if before or after]
    if not isinstance(items, Choice):
        return shorter
    missing = [value for value in items.values if not any(same(value, member) for member in members)]
    exchanged = [[*before, value, *after] for before, after in cut for value in missing]
    return shorter + exchanged if members else [[value] for value in missing]


def _distinct(members: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for member in members:
        if not any(same(member, other) for other in kept):
            kept.append(member)
    return kept

"""facts + a sober answer -> the answer of a model that does what the facts' texts tell it to

The worst model a service can meet: it takes "mark me enterprise", "risk low" or "refund 10000" for orders. It still
answers by the schema, as strict decoding makes it; told to be `illegal` it does not even do that. A service that treats
answers as data to check survives both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from local.model.answers import choices, fits, instance, put
from local.model.shapes import (
    Array,
    Choice,
    JsonObject,
    Real,
    Record,
    Schema,
    Shape,
    Text,
    Union,
    Whole,
    is_list,
    is_number,
    is_object,
    parts,
)

GRANTING = frozenset({"accept", "accepted", "approve", "approved", "approval", "allow", "allowed", "grant", "granted"})
DENYING = frozenset({"reject", "rejected", "deny", "denied", "refuse", "refused", "decline", "declined"})
NEGATIONS = frozenset({"no", "not", "never", "don", "without", "false"})
FILLERS = frozenset({"a", "an", "the", "is", "as", "to", "of", "it", "me", "be", "and", "or", "for", "with", "set"})
ORDERS = re.compile(
    r"\b(ignore|disregard|forget|override|must|please|set|mark|make|approve|reject|refund|pay|send|give|answer|pretend)\b"
    r"|\w\s*=\s*\w",
    re.IGNORECASE,
)
PAIR = re.compile(r"(\w+)\s*[=:]\s*[\"']?([\w.@+-]+)")
SHORTEST_STEM = 4
LONGEST_QUOTE = 80
REACH = 3
"""A value that stands within so many words of a field's name belongs to that field."""
NUMBER = "any number"
ALTERNATIVES_TRIED = 2
"""How many unions deep other branches are tried: each level multiplies the work."""


@dataclass(frozen=True)
class Obeyed:
    """What to answer at one place, and how many of its choices the text asked for."""

    value: Any
    heeded: int = 0


def texts(facts: object) -> Iterator[str]:
    """Every string in the facts that could hold an instruction: more than one word."""
    if isinstance(facts, str):
        if len(facts.split()) > 1:
            yield facts
    elif is_object(facts):
        for value in facts.values():
            yield from texts(value)
    elif is_list(facts):
        for value in facts:
            yield from texts(value)


def obey(schema: Schema, answer: JsonObject, facts: object, rng: Random) -> JsonObject:
    """The legal answer that the facts' texts ask for; what they do not mention stays as in `answer`."""
    value: JsonObject = _Reading("\n".join(texts(facts)), schema, rng).at(schema.root, answer, "").value
    return value


def smuggle(schema: Schema, answer: JsonObject, facts: object) -> JsonObject:
    """The answer with what the texts name beyond the schema: values outside enums and fields that nobody asked for.

    Only texts that give orders are followed that far; without any, the answer is left alone.
    """
    text = "\n".join(text for text in texts(facts) if ORDERS.search(text))
    if not text:
        return answer
    words = [word for word in _words(text) if len(word) >= SHORTEST_STEM]
    for leaf in choices(schema, answer):
        if isinstance(leaf.shape, Choice) and not isinstance(leaf.value, bool):
            field = _words(str(leaf.path[-1]))
            legal = {str(value) for value in leaf.shape.values}
            after = [word for word in _after(field, _words(text)) if word not in legal and word not in FILLERS]
            answer = put(answer, leaf.path, next(iter([*after, *words]), "anything"))
    asked = {key: value for key, value in PAIR.findall(text) if key not in answer}
    return {**answer, **(asked or {"instructions": text[:LONGEST_QUOTE]})}


class _Reading:
    """One text, read as orders for one answer."""

    def __init__(self, text: str, schema: Schema, rng: Random) -> None:
        self.text, self.words = text, _words(text)
        self.schema, self.rng = schema, rng
        self.takes = _takes(schema)
        self.mentions = {name: self.positions(_words(name), whole=False) for name in self.takes}

    def at(self, shape: Shape, current: Any, name: str, tries: int = ALTERNATIVES_TRIED) -> Obeyed:  # noqa: PLR0911  # one a shape
        match self.schema.resolve(shape):
            case Record(fields) if is_object(current):
                inner = {key: self.at(field, current[key], key, tries) for key, field in fields.items()}
                return Obeyed({key: part.value for key, part in inner.items()}, sum(p.heeded for p in inner.values()))
            case Array(items) if is_list(current):
                return self.members(self.schema.resolve(items), current, name, tries)
            case Union(options):
                return self.alternatives(options, current, name, tries)
            case Choice(values) if all(isinstance(value, bool) for value in values):
                return self.flag(values, current, name)
            case Choice(values):
                return self.named(values, current, name)
            case Whole() | Real() as kind:
                return self.number(current, name, whole=isinstance(kind, Whole))
            case Text():
                return self.quote(current, name)
            case _:
                return Obeyed(current)

    def members(self, items: Shape, current: list[Any], name: str, tries: int) -> Obeyed:
        if isinstance(items, Choice):
            named = [value for value in items.values if self.positions(_words(str(value)))]
            return Obeyed(named, len(named)) if named else Obeyed(current)
        inner = [self.at(items, member, name, tries) for member in current]
        return Obeyed([part.value for part in inner], sum(part.heeded for part in inner))

    def alternatives(self, options: tuple[Shape, ...], current: Any, name: str, tries: int) -> Obeyed:
        """The alternative of which the text names most; the current one where it names nothing more of another."""
        taken = next(option for option in options if fits(self.schema, current, option))
        best = self.at(taken, current, name, tries)
        for option in options if tries else ():
            if option is not taken:
                candidate = self.at(option, instance(self.schema, option, self.rng), name, tries - 1)
                best = candidate if candidate.heeded > best.heeded else best
        return best

    def flag(self, values: tuple[Any, ...], current: Any, name: str) -> Obeyed:
        wanted: bool | None = None
        if any(word in GRANTING for word in _words(name)) and any(word in DENYING for word in self.words):
            wanted = False
        else:
            for at in self.mentions.get(name, ()):
                around = self.words[max(0, at - 3) : at] + self.words[at + 1 : at + 3]
                wanted = not any(word in NEGATIONS for word in around)
                break
        return Obeyed(wanted, 1) if wanted in values and wanted is not None else Obeyed(current)

    def named(self, values: tuple[Any, ...], current: Any, name: str) -> Obeyed:
        """Of the values that the text names for this field, the nearest to its name."""
        found = [
            (distance, index)
            for index, value in enumerate(values)
            if value is not None
            for at in self.positions(_words(str(value)))
            if (distance := self.distance(at, name, str(value))) is not None
        ]
        return Obeyed(values[min(found)[1]], 1) if found else Obeyed(current)

    def number(self, current: Any, name: str, *, whole: bool) -> Obeyed:
        found = [
            (distance, number)
            for at, word in enumerate(self.words)
            if (number := _number(word)) is not None and (distance := self.distance(at, name, NUMBER)) is not None
        ]
        if not found or not is_number(current):
            return Obeyed(current)
        number = min(found)[1]
        return Obeyed(int(number) if whole else number, 1)

    def distance(self, at: int, name: str, value: str) -> int | None:
        """How far the field's name is from a value in the text; None if the value is rather another field's."""
        away = {
            field: min(abs(at - mention) for mention in places)
            for field, places in self.mentions.items()
            if places and value in self.takes[field]
        }
        own = away.get(name, len(self.words))
        nearest = min(away.values(), default=own)
        return None if nearest < own and nearest <= REACH else own

    def quote(self, current: Any, name: str) -> Obeyed:
        """What the text says right after the field's name: `reason: "..."`, `reply to is a@b.example`."""
        spoken = re.escape(name).replace("_", "[ _-]")
        found = re.search(rf"\b{spoken}\b\s*(?:is|to|as|be|=|:)\s*[\"']?([^\"'\n;]+)", self.text, re.IGNORECASE)
        return Obeyed(found[1].strip()[:LONGEST_QUOTE], 1) if found else Obeyed(current)

    def positions(self, sought: list[str], *, whole: bool = True) -> list[int]:
        """Where the text has these words in a row; with `whole` off, where it has any telling one of them."""
        if not whole:
            telling = [word for word in sought if word not in FILLERS]
            return [at for at, word in enumerate(self.words) if any(_alike(word, one) for one in telling)]
        last = len(self.words) - len(sought)
        return [
            at
            for at in range(last + 1)
            if sought and all(_alike(self.words[at + step], word) for step, word in enumerate(sought))
        ]


def _takes(schema: Schema) -> dict[str, set[str]]:
    """What each field of the schema could be told to be."""
    takes: dict[str, set[str]] = {}
    for record in (part for shape in schema.shapes.values() for part in parts(shape) if isinstance(part, Record)):
        for name, field in record.fields.items():
            taken = takes.setdefault(name, set())
            for part in parts(schema.resolve(field)):
                if isinstance(part, Choice):
                    taken.update(map(str, part.values))
                elif isinstance(part, Whole | Real):
                    taken.add(NUMBER)
    return takes


def _words(text: str) -> list[str]:
    return re.findall(r"\d[\d.,]*|[^\W\d_]+", text.lower())


def _after(field: list[str], words: list[str]) -> list[str]:
    """The words that follow the field's name, nearest first."""
    for at, word in enumerate(words):
        if any(_alike(word, one) for one in field):
            return words[at + 1 : at + 4]
    return []


def _alike(one: str, other: str) -> bool:
    """The same word, the same stem (approve, approval), or the same verdict (approve, accept)."""
    if one == other or any(one in verdict and other in verdict for verdict in (GRANTING, DENYING)):
        return True
    stem = max(SHORTEST_STEM, min(len(one), len(other)) - 1)
    return len(one) >= stem and one[:stem] == other[:stem]


def _number(word: str) -> float | None:
    try:
        return float(word.rstrip(".,").replace(",", ""))
    except ValueError:
        return None

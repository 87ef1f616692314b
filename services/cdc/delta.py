"""what is remembered of an item + what it says now -> what changed: paths with before and after, bounded

The delta is all that a question is told, so what a change costs follows the change and not the document: what stands
before and after it in a list or in a text is left out.
"""

import heapq
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

from services.cdc.fields import ESCALATING, WEIGHTY, names_in
from services.cdc.snapshot import as_text, is_folded, is_still

MOST = 24
"""Changed paths that are told; what may escalate is told first, of the rest there is a count."""
LONGEST = 240
"""Characters of a value that are told, before and after each."""
LONGEST_PATH = 120
LONGEST_CLOSED = 40
"""Characters of a value that can be one of few, as a status is."""
CONTEXT = 40
"""Characters of a text that are told in front of where it changed."""

Path = tuple[str | int, ...]


class _Absent:
    """There was, or is, no such field: not the same as null."""


ABSENT = _Absent()


@dataclass(frozen=True)
class Difference:
    """One path at which the two differ; a value is ABSENT where there is none."""

    path: Path
    before: Any
    after: Any

    @property
    def escalates(self) -> bool:
        closed = _is_closed(self.before) and _is_closed(self.after)
        return closed and bool(names_in(self.path) & ESCALATING)

    @property
    def is_weighty(self) -> bool:
        return bool(names_in(self.path) & WEIGHTY)

    @property
    def name(self) -> str:
        """The path as people write it: `items[2].quantity`."""
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return steps.removeprefix(".")[:LONGEST_PATH]

    def told(self) -> tuple[str | None, str | None]:
        """Before and after as JSON, cut around where they differ; None where there is no value."""
        before = str(self.before["begins"]) if is_folded(self.before) else _json(self.before)
        after = _json(self.after)
        if before is None or after is None:
            return _cut(before, 0), _cut(after, 0)
        start = max(0, _same_beginning(before, after) - CONTEXT)
        return _cut(before, start), _cut(after, start)


@dataclass(frozen=True)
class Delta:
    """The differences that are told, weightiest first, and how many there are in all."""

    told: tuple[Difference, ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.told)


def delta(before: Any, after: Any) -> Delta:
    """What differs between what was remembered and what is there now."""
    counted = _Counted(differences(before, after))
    told = heapq.nsmallest(MOST, counted, key=lambda one: (not one.escalates, not one.is_weighty, one.name))
    return Delta(tuple(told), counted.count)


def differences(before: Any, after: Any, path: Path = ()) -> Generator[Difference]:
    """Every path at which they differ, as deep down as both have a value of the same shape."""
    if is_folded(before):
        if after is ABSENT or not is_still(before, after):
            yield Difference(path, before, after)
    elif _is_object(before, after) and _is_object(after, before):
        old: dict[str, Any] = {} if before is ABSENT else before
        new: dict[str, Any] = {} if after is ABSENT else after
        for name in sorted(old.keys() | new.keys()):
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_a_list(cast("list[Any]", before), cast("list[Any]", after), path)
    elif not _same(before, after):
        yield Difference(path, before, after)


def _in_a_list(before: list[Any], after: list[Any], path: Path) -> Generator[Difference]:
    """What is the same at the beginning and at the end is no change: something was put in, taken out or replaced."""
    old, new = [*map(as_text, before)], [*map(as_text, after)]
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    middle = zip_longest(before[head : len(before) - tail], after[head : len(after) - tail], fillvalue=ABSENT)
    for at, (was, is_now) in enumerate(middle, head):
        yield from differences(was, is_now, (*path, at))


def _is_object(value: Any, other: Any) -> bool:
    """Whether to look into it. An object that comes or goes is told member by member, for each may escalate."""
    return isinstance(value, dict) or (value is ABSENT and isinstance(other, dict) and bool(cast("Any", other)))


def _same(before: Any, after: Any) -> bool:
    """In JSON 1 and 1.0 are the same number, and neither is `true`."""
    if before is ABSENT or after is ABSENT or isinstance(before, bool) or isinstance(after, bool):
        return before is after
    return bool(before == after)


def _is_closed(value: Any) -> bool:
    """Whether a value is one of few, as a status is: a text in its place escalates nothing."""
    return len(value) <= LONGEST_CLOSED if isinstance(value, str) else not isinstance(value, dict | list)


def _json(value: Any) -> str | None:
    return None if value is ABSENT else as_text(value)


def _same_beginning(one: str, other: str) -> int:
    differing = (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(differing, min(len(one), len(other)))


def _cut(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    piece = text[start : start + LONGEST]
    return f"{'...' if start else ''}{piece}{'...' if start + LONGEST < len(text) else ''}"


class _Counted:
    """Counts what is iterated over."""

    def __init__(self, each: Iterable[Difference]) -> None:
        self._each, self.count = each, 0

    def __iter__(self) -> Generator[Difference]:
        for one in self._each:
            self.count += 1
            yield one

"""an item's content -> what is remembered of it: whole where it fits, folded to a fingerprint where it does not

The next change is compared with it, so it must tell exactly whether a value changed; it must also fit a commit of 2 MB
beside the marker, and an item may have 2 MB itself. A folded value keeps its fingerprint, its size and its beginning.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from services.kernel.ids import fingerprint

FOLDED = "~folded"
LONGEST_TEXT = 32 * 1024
"""Characters of a single text that are kept."""
LARGEST = 1_000_000
"""Characters of a content, as JSON, that are kept."""
BEGINNING = 300
FOLD = BEGINNING + 200
"""About what a folded value takes."""


def as_text(value: Any) -> str:
    """One text for a value: the same value has the same text."""
    return json.dumps(value, sort_keys=True)


def snapshot(content: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered of a content. Of one that is too large the largest fields are folded first."""
    kept: dict[str, Any] = _bounded(dict(content))
    if is_folded(kept):
        return kept
    sizes = sorted(((len(as_text({name: value})), name) for name, value in kept.items()), reverse=True)
    total = sum(size for size, _ in sizes)
    for size, name in sizes:
        if total <= LARGEST:
            break
        kept[name] = _fold(content[name])
        total += FOLD - size
    return kept if total <= LARGEST else _fold(content)


def is_folded(value: Any) -> bool:
    return isinstance(value, dict) and FOLDED in value


def is_still(folded: Mapping[str, Any], value: Any) -> bool:
    """Whether the value is the one that was folded."""
    return folded[FOLDED] == fingerprint(as_text(value))


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else _fold(value)
    if isinstance(value, list):
        return [_bounded(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if FOLDED in members:  # somebody's own field of this name shall not pass for a folded value
            return _fold(members)
        return {name: _bounded(each) for name, each in members.items()}
    return value


def _fold(value: Any) -> dict[str, Any]:
    text = as_text(value)
    return {FOLDED: fingerprint(text), "size": len(text), "begins": text[:BEGINNING]}

"""rule action -> the text properties it sets

The subset is `SET name = 'text'`, several separated by semicolons; the rest of Azure's language (REMOVE, expressions,
system properties) is refused: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-rule-action
"""

import re
from collections.abc import Mapping

_SET = re.compile(r"\s*SET\s+(?:user\.)?(?P<name>[A-Za-z_]\w{0,127})\s*=\s*'(?P<text>(?:[^']|'')*)'\s*", re.IGNORECASE)


class ActionError(ValueError):
    """An action outside the subset; the message names the part."""


def compile_action(text: str) -> Mapping[str, str]:
    """The properties that an action sets.

    Raises:
        ActionError: outside the subset.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text) or not found:
        part = _SET.match(text, at)
        if part is None or (part.end() < len(text) and text[part.end()] != ";"):
            raise ActionError(f"the local emulator runs `SET name = 'text'`, separated by `;`, not {text[at:][:60]!r}")
        found[part["name"]] = part["text"].replace("''", "'")
        at = part.end() + 1
    return found

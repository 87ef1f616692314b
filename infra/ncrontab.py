"""six NCRONTAB fields -> the same, or what is wrong with them

NCRONTAB is cron with seconds in front; Azure Functions runs it in UTC.
Source: the "NCRONTAB expressions" section of the timer trigger's reference.
"""

import re
from itertools import starmap

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 6, DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)


def checked(expression: str) -> str:
    """Return the expression as it is.

    Raises:
        ValueError: naming the field, its text and its range.
    """
    fields = expression.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"six fields, seconds first, like `0 */5 * * * *`; these are {len(fields)}")
    for text, (name, low, high, names) in zip(fields, FIELDS, strict=True):
        if not all(starmap(_part_is_legal, ((part, low, high, names) for part in text.split(",")))):
            raise ValueError(f"`{text}` is no {name}: use *, numbers from {low} to {high}, a-b, a,b or */n")
    return expression


def _part_is_legal(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match["step"] == "0":
        return False
    ends = [_value(text, low, names) for text in (match["first"], match["last"]) if text is not None]
    return all(end is not None and low <= end <= high for end in ends) and ends == sorted(ends, key=lambda e: e or 0)


def _value(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text.isdecimal():
        return int(text)
    return names.index(text.lower()) + low if text.lower() in names else None

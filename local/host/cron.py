"""an NCRONTAB expression, such as 0 */5 * * * * -> the next time it is due, in UTC

NCRONTAB as Azure Functions reads it (the NCrontab library): six fields with seconds first, or five without; lists,
ranges, steps and English names; Sunday is 0. Unlike Unix cron, a restricted day of month and a restricted day of week
must both match. That, and the extensions (L, #, 7 as Sunday) which Unix-like libraries accept and Azure refuses, is why
no cron library is used here.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_TIMESPAN = re.compile(r"[\d.]+:\d+:\d+")
_HORIZON = timedelta(days=41 * 366)
"""29 February falls on a given weekday every 28 years, or 40 where a century is no leap year: nothing is rarer."""


@dataclass(frozen=True)
class Schedule:
    """A parsed expression: the values that each field allows."""

    text: str
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: object) -> "Schedule":
        """Parse an NCRONTAB expression.

        Raises:
            ValueError: naming the field, its value and what it allows; also for a day that no month has.
        """
        if not isinstance(text, str):  # pydantic reports ValueError only
            raise ValueError(f"{text!r} is not an NCRONTAB expression, such as 0 */5 * * * *")  # noqa: TRY004
        if _TIMESPAN.fullmatch(text):
            raise ValueError(f"{text!r} is a time span, which only an App Service plan runs; write 0 */5 * * * *, say")
        parts = text.split()
        if len(parts) == len(_FIELDS) - 1:
            parts.insert(0, "0")
        if len(parts) != len(_FIELDS):
            raise ValueError(
                f"{text!r} has {len(parts)} fields; 6 are needed: second minute hour day month day-of-week"
            )
        schedule = cls(text, *(_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)))
        if min(schedule.days) > max(monthrange(2024, month)[1] for month in schedule.months):
            raise ValueError(f"{text!r} never comes: no such month has a day {min(schedule.days)}")
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first time after `moment` (exclusive, whole seconds, UTC)."""
        due = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        horizon = due + _HORIZON
        while due < horizon:
            if due.month not in self.months:
                due = _midnight(due.replace(day=1) + timedelta(days=32)).replace(day=1)
            elif due.day not in self.days or due.isoweekday() % 7 not in self.weekdays:
                due = _midnight(due) + timedelta(days=1)
            elif due.hour not in self.hours:
                due = due.replace(minute=0, second=0) + timedelta(hours=1)
            elif due.minute not in self.minutes:
                due = due.replace(second=0) + timedelta(minutes=1)
            elif due.second not in self.seconds:
                due += timedelta(seconds=1)
            else:
                return due
        raise AssertionError(f"{self.text!r} passed parse() and is never due")


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0)


def _values(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    allowed = frozenset[int]()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or (match["first"] == "*" and match["last"]):
            raise ValueError(f"{name} {text!r} is not understood; write *, a value, a-b, */step or a list of them")
        first = low if match["first"] == "*" else _value(match["first"], name, low, high, names)
        if match["last"]:
            last = _value(match["last"], name, low, high, names)
        else:
            last = high if match["first"] == "*" or match["step"] else first
        step = int(match["step"] or 1)
        if last < first or step < 1:
            raise ValueError(f"{name} {item!r} is empty: ranges go upwards, steps are at least 1")
        allowed |= frozenset(range(first, last + 1, step))
    return allowed


def _value(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    for index, known in enumerate(names):
        if len(text) >= 3 and known.startswith(text.lower()):  # noqa: PLR2004 - JAN, SUN
            return index + low
    if text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise ValueError(f"{name} {text!r} is out of range; allowed are {low} to {high}{' or a name' if names else ''}")

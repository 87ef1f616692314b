"""a .NET TimeSpan, such as 00:05:00 -> timedelta: durations in host.json and in retry policies"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2})(?:\.(?P<rest>\d{1,7}))?"
)


def parse_timespan(text: object) -> timedelta:
    """Parse `[d.]hh:mm:ss[.fffffff]` (.NET's constant format, hours below 24).

    Raises:
        ValueError: with the accepted form.
    """
    if isinstance(text, timedelta):
        return text
    match = _TIMESPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a time span; write hh:mm:ss or d.hh:mm:ss, such as 00:05:00")
    hours, minutes, seconds = (int(match[part]) for part in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - a clock
        raise ValueError(f"{text!r} is not a time span: hours go to 23, minutes and seconds to 59; a day is 1.00:00:00")
    fraction = float(f"0.{match['rest'] or 0}")
    return timedelta(days=int(match["days"] or 0), hours=hours, minutes=minutes, seconds=seconds + fraction)


Timespan = Annotated[timedelta, BeforeValidator(parse_timespan)]

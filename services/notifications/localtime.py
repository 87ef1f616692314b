"""recipient + moment -> quiet or not, until when, which day, when their digest comes: in their own zone

Everything is computed in the zone and compared in UTC. Where the clock is put back, a time of day comes twice: quiet is
what the clock on the wall says, each time. Where it is put forward, a quiet time that would end within the hour that is
left out ends an hour later on the wall.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notifications.directory import QuietHours, Recipient


def is_quiet(quiet: QuietHours | None, zone: ZoneInfo, moment: datetime) -> bool:
    if quiet is None:
        return False
    on_the_wall = moment.astimezone(zone).time()
    if quiet.start < quiet.to:
        return quiet.start <= on_the_wall < quiet.to
    return on_the_wall >= quiet.start or on_the_wall < quiet.to


def quiet_until(quiet: QuietHours | None, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment after this one that is not quiet, or None if this one is not."""
    if quiet is None or not is_quiet(quiet, zone, moment):
        return None
    today = moment.astimezone(zone).date()
    ends = sorted(at for day in (0, 1, 2) for at in _moments(today + timedelta(days=day), quiet.to, zone))
    return next(at for at in ends if at > moment and not is_quiet(quiet, zone, at))


def local_day(recipient: Recipient, moment: datetime) -> str:
    return moment.astimezone(recipient.zone).date().isoformat()


def next_digest(recipient: Recipient, moment: datetime) -> datetime:
    """When the next digest comes: at the recipient's hour, after their quiet hours if it lies in them."""
    today = moment.astimezone(recipient.zone).date()
    hours = (
        at
        for day in (0, 1, 2)
        for at in _moments(today + timedelta(days=day), time(recipient.digest_hour), recipient.zone)
    )
    at = next(at for at in sorted(hours) if at > moment)
    return quiet_until(recipient.quiet, recipient.zone, at) or at


def _moments(day: date, at: time, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments at which the clock on the wall shows this: one, two where it is put back.

    Where it is put forward past it, `fold=0` gives what it shows as soon as that much time has passed (PEP 495).
    """
    first = datetime.combine(day, at, zone).astimezone(UTC)
    second = datetime.combine(day, at.replace(fold=1), zone).astimezone(UTC)
    yield first
    if second > first:
        yield second

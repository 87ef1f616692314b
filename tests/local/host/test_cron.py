from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.cron import Schedule


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("* * * * * *", "2026-11-22 10:00:00", "2026-11-22 10:00:01"),
        ("0 * * * * *", "2026-11-22 10:00:00", "2026-11-22 10:01:00"),
        ("30 * * * * *", "2026-11-22 10:00:29", "2026-11-22 10:00:30"),
        ("0 */5 * * * *", "2026-11-22 10:57:01", "2026-11-22 11:00:00"),
        ("*/5 * * * *", "2026-11-22 10:57:01", "2026-11-22 11:00:00"),
        ("0 5/20 * * * *", "2026-11-22 10:26:00", "2026-11-22 10:45:00"),
        ("0 0 9-17 * * *", "2026-11-22 17:00:00", "2026-11-23 09:00:00"),
        ("0 30 9 * * 1-5", "2026-11-20 10:00:00", "2026-11-23 09:30:00"),
        ("0 30 9 * * Mon-Fri", "2026-11-20 10:00:00", "2026-11-23 09:30:00"),
        ("0 0 0 * * SUN", "2026-11-22 00:00:00", "2026-11-29 00:00:00"),
        ("0 0 0 1 JAN *", "2026-11-22 00:00:00", "2027-01-01 00:00:00"),
        ("0 0 0 1 january,JUL *", "2027-01-01 00:00:00", "2027-07-01 00:00:00"),
        ("0 0 0 31 * *", "2026-11-22 00:00:00", "2026-12-31 00:00:00"),
        ("0 0 0 29 2 *", "2026-11-22 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"),
        ("0 0 0 13 * Fri", "2026-11-22 00:00:00", "2027-08-13 00:00:00"),
        ("5,35 59 23 31 12 *", "2026-12-31 23:59:05", "2026-12-31 23:59:35"),
        ("1-10/3 * * * * *", "2026-11-22 10:00:04", "2026-11-22 10:00:07"),
    ],
)
def test_a_schedule_is_next_due(expression: str, after: str, due: str) -> None:
    assert Schedule.parse(expression).next_after(_at(after)) == _at(due)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "has 0 fields; 6 are needed"),
        ("* * * *", "has 4 fields"),
        ("0 0 0 0 0 0 0", "has 7 fields"),
        ("60 * * * * *", "second '60' is out of range; allowed are 0 to 59"),
        ("0 0 24 * * *", "hour '24' is out of range"),
        ("0 0 0 0 * *", "day of month '0' is out of range"),
        ("0 0 0 * 13 *", "month '13' is out of range; allowed are 1 to 12 or a name"),
        ("0 0 0 * * 7", "day of week '7' is out of range; allowed are 0 to 6"),
        ("0 0 0 L * *", "day of month 'L' is out of range"),
        ("0 0 0 * * 5#2", "day of week '5#2' is not understood"),
        ("0 30-10 * * * *", "minute '30-10' is empty"),
        ("0 */0 * * * *", "minute '*/0' is empty"),
        ("0 *-5 * * * *", "minute '*-5' is not understood"),
        ("0 1, * * * *", "minute '1,' is not understood"),
        ("0 0 0 30 2 *", "never comes"),
        ("0 0 0 31 4,6,9,11 *", "never comes"),
        ("00:05:00", "only an App Service plan"),
        (None, "None is not an NCRONTAB expression"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_is_allowed(expression: str | None, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        Schedule.parse(expression)
    assert says in str(caught.value)


def _fields(low: int, high: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """A field's text beside the values it must allow, made the other way round from the parser."""
    values = st.integers(low, high)
    single = values.map(lambda value: (str(value), {value}))
    span = (
        st.tuples(values, values)
        .map(sorted)
        .map(lambda ends: (f"{ends[0]}-{ends[1]}", set(range(ends[0], ends[1] + 1))))
    )
    step = st.integers(1, high).map(lambda size: (f"*/{size}", set(range(low, high + 1, size))))
    everything = st.just(("*", set(range(low, high + 1))))
    item = st.one_of(everything, single, span, step)
    return st.lists(item, min_size=1, max_size=3).map(
        lambda items: (",".join(text for text, _ in items), set().union(*(allowed for _, allowed in items)))
    )


def _moments() -> st.SearchStrategy[datetime]:
    return st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(
    second=_fields(0, 59),
    minute=_fields(0, 59),
    hour=_fields(0, 23),
    month=_fields(1, 12),
    weekday=_fields(0, 6),
    after=_moments(),
)
def test_what_is_due_is_allowed_by_every_field_and_lies_after(
    second: tuple[str, set[int]],
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    month: tuple[str, set[int]],
    weekday: tuple[str, set[int]],
    after: datetime,
) -> None:
    # given
    schedule = Schedule.parse(f"{second[0]} {minute[0]} {hour[0]} * {month[0]} {weekday[0]}")

    # when
    due = schedule.next_after(after)

    # then
    assert due > after
    assert due.second in second[1]
    assert due.minute in minute[1]
    assert due.hour in hour[1]
    assert due.month in month[1]
    assert due.isoweekday() % 7 in weekday[1]


@given(second=_fields(0, 59), minute=_fields(0, 59), after=_moments())
def test_nothing_due_is_skipped(second: tuple[str, set[int]], minute: tuple[str, set[int]], after: datetime) -> None:
    # given
    schedule = Schedule.parse(f"{second[0]} {minute[0]} * * * *")
    after = after.replace(microsecond=0)

    # when
    due = schedule.next_after(after)

    # then
    step = after + timedelta(seconds=1)
    while step < due:
        assert not (step.second in second[1] and step.minute in minute[1])
        step += timedelta(seconds=1)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    try:
        Schedule.parse(text).next_after(datetime(2026, 11, 22, tzinfo=UTC))
    except ValueError:
        return

"""The hard rules, a table a rule; and time as it passes in the places where people live."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.directory import QuietHours, Recipient, read_entry
from services.notifications.localtime import is_quiet, local_day, next_digest, quiet_until
from services.notifications.rules import ADMISSION, Case, judge
from services.notifications.state import Counters
from tests.services.notifications.things import NOON, entry, notification, person

NIGHT = {"from": "22:00", "to": "07:00"}


def ruled(
    said: dict[str, Any] | None = None, counters: Counters | None = None, now: datetime = NOON, **who: Any
) -> tuple[str, str]:
    judgement = judge(Case(notification(**(said or {})), person(**who), counters or Counters(), now))
    return judgement.ruling.outcome, judgement.explained[-1].rule


def used(count: int, *, minutes_ago: int = 120) -> Counters:
    counters = Counters()
    for _ in range(count):
        counters = counters.claimed(person(throttle={"most": 9, "minutes": 600}), NOON - timedelta(minutes=minutes_ago))
    return counters


AT_NIGHT = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "rule", "case"),
    [
        ("send", "below_throttle", {}),
        ("suppress", "opted_in", {"opted_out": ["feedback"]}),
        ("send", "below_throttle", {"opted_out": ["orders"]}),
        ("suppress", "not_told_yet", {"counters": Counters(seen={"d-1": NOON - timedelta(minutes=59)})}),
        ("send", "below_throttle", {"counters": Counters(seen={"d-1": NOON - timedelta(minutes=60)})}),
        (
            "suppress",
            "still_true",
            {"said": {"cancellation": "k"}, "counters": Counters(cancelled={"k": NOON})},
        ),
        (
            "send",
            "below_throttle",
            {"said": {"cancellation": "k"}, "counters": Counters(cancelled={"k": NOON - timedelta(seconds=1)})},
        ),
        ("send", "critical", {"said": {"critical": True}, "now": AT_NIGHT, "quiet": NIGHT, "daily_cap": 0}),
        ("suppress", "opted_in", {"said": {"critical": True}, "opted_out": ["feedback"]}),
        ("digest", "wants_it_now", {"said": {"urgency": "digest"}}),
        ("send", "below_throttle", {"said": {"urgency": "digest"}, "digest": "never"}),
        ("digest", "wants_it_now", {"digest": "always"}),
        ("send", "below_throttle", {"said": {"urgency": "immediate"}, "digest": "always"}),
        ("defer", "not_quiet", {"quiet": NIGHT, "now": AT_NIGHT}),
        ("defer", "not_quiet", {"said": {"urgency": "immediate"}, "quiet": NIGHT, "now": AT_NIGHT}),
        ("digest", "below_daily_cap", {"daily_cap": 2, "counters": used(2)}),
        ("send", "below_throttle", {"daily_cap": 2, "counters": used(1)}),
        ("suppress", "below_daily_cap", {"daily_cap": 2, "counters": used(2), "digest": "never"}),
        ("suppress", "below_daily_cap", {"daily_cap": 0, "digest": "never"}),
        ("send", "below_throttle", {"daily_cap": 2, "counters": used(2, minutes_ago=24 * 60)}),
        ("digest", "below_throttle", {"throttle": {"most": 2, "minutes": 60}, "counters": used(2, minutes_ago=59)}),
        ("send", "below_throttle", {"throttle": {"most": 2, "minutes": 60}, "counters": used(2, minutes_ago=60)}),
        ("send", "digest_itself", {"said": {"category": "digest"}, "daily_cap": 0, "digest": "always"}),
    ],
)
def test_the_first_rule_that_decides_ends_it(outcome: str, rule: str, case: dict[str, Any]) -> None:
    assert ruled(**case) == (outcome, rule)


def test_every_rule_that_was_asked_says_why() -> None:
    # when
    judgement = judge(Case(notification(), person(), Counters(), NOON))

    # then
    assert [each.rule for each in judgement.explained] == [rule.__name__ for rule in ADMISSION]
    assert all(each.why for each in judgement.explained)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"quiet": {"from": "22:00", "to": "22:00"}}, "the same"),
        ({"quiet": {"from": "22:00+02:00", "to": "07:00"}}, "offset"),
        ({"quiet": {"from": "25:00", "to": "07:00"}}, "quiet.from"),
        ({"channels": []}, "channels"),
        ({"channels": [{"channel": "fax", "address": "1"}]}, "channels.0.channel"),
        ({"channels": [{"channel": "email", "address": "a@x.example,b@x.example"}]}, "channels.0.address"),
        ({"channels": [{"channel": "email", "address": "a@x.example%2Cb@x.example"}]}, "channels.0.address"),
        ({"channels": [{"channel": "sms", "address": "+49 170 1"}]}, "channels.0.address"),
        ({"language": "xx"}, "language"),
        ({"role": "admin"}, "role"),
        ({"daily_cap": -1}, "daily_cap"),
        ({"opted_out": ["everything"]}, "opted_out.0"),
    ],
)
def test_a_broken_entry_suppresses_and_says_what_is_broken(changes: dict[str, Any], told: str) -> None:
    # given
    read = read_entry(entry(**changes))

    # when
    judgement = judge(Case(notification(), read, Counters(), NOON))

    # then
    assert judgement.ruling.outcome == "suppress"
    assert told in judgement.explained[-1].why


def test_somebody_unknown_is_told_nothing() -> None:
    judgement = judge(Case(notification(), read_entry(None), Counters(), NOON))

    assert (judgement.ruling.outcome, judgement.ruling.why) == ("suppress", "not in the directory")


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "until"),
    [
        ("Europe/Berlin", ("22:00", "07:00"), "2026-03-10T21:00Z", "2026-03-11T06:00Z"),
        ("Europe/Berlin", ("22:00", "07:00"), "2026-03-10T20:59Z", None),
        ("Europe/Berlin", ("22:00", "07:00"), "2026-03-11T06:00Z", None),
        ("Europe/Berlin", ("12:00", "13:00"), "2026-07-01T10:30Z", "2026-07-01T11:00Z"),
        # the night of 29 March 2026 has no 02:00 to 03:00 in Berlin
        ("Europe/Berlin", ("22:00", "07:00"), "2026-03-28T23:00Z", "2026-03-29T05:00Z"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-03-28T23:00Z", "2026-03-29T01:30Z"),
        # that of 25 October 2026 has it twice
        ("Europe/Berlin", ("22:00", "07:00"), "2026-10-24T23:00Z", "2026-10-25T06:00Z"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-24T23:00Z", "2026-10-25T00:30Z"),
        ("Europe/Berlin", ("22:00", "02:30"), "2026-10-25T01:10Z", "2026-10-25T01:30Z"),
        ("America/New_York", ("21:00", "06:30"), "2026-03-08T05:00Z", "2026-03-08T10:30Z"),
        ("America/New_York", ("21:00", "06:30"), "2026-11-01T05:00Z", "2026-11-01T11:30Z"),
        # Lord Howe moves its clocks by half an hour, in April back and in October forward
        ("Australia/Lord_Howe", ("22:00", "07:00"), "2026-04-04T13:00Z", "2026-04-04T20:30Z"),
        ("Australia/Lord_Howe", ("22:00", "07:00"), "2026-10-03T13:00Z", "2026-10-03T20:00Z"),
        ("Australia/Lord_Howe", ("22:00", "02:15"), "2026-10-03T13:00Z", "2026-10-03T15:45Z"),
        ("Europe/Berlin", ("22:00", "07:00"), "2028-02-28T22:00Z", "2028-02-29T06:00Z"),
        ("Europe/Berlin", ("22:00", "07:00"), "2028-02-29T22:00Z", "2028-03-01T06:00Z"),
        ("Asia/Kathmandu", ("22:00", "07:00"), "2026-12-31T18:00Z", "2027-01-01T01:15Z"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(
    zone: str, quiet: tuple[str, str], now: str, until: str | None
) -> None:
    # when
    hours = QuietHours.model_validate({"from": quiet[0], "to": quiet[1]})
    found = quiet_until(hours, ZoneInfo(zone), moment(now))

    # then
    assert found == (moment(until) if until else None)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


zones = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"])
moments = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
times = st.times().map(lambda at: at.replace(second=0, microsecond=0).isoformat())


@given(zones, times, times, moments)
def test_what_is_deferred_is_never_due_in_quiet_hours(zone: str, start: str, to: str, now: datetime) -> None:
    if start == to:
        return
    hours = QuietHours.model_validate({"from": start, "to": to})
    until = quiet_until(hours, ZoneInfo(zone), now)

    assert (until is None) == (not is_quiet(hours, ZoneInfo(zone), now))
    if until:
        assert now < until <= now + timedelta(hours=25)
        assert not is_quiet(hours, ZoneInfo(zone), until)


@given(zones, times, times, st.integers(0, 23), moments)
def test_a_digest_is_due_within_two_days_and_not_in_quiet_hours(
    zone: str, start: str, to: str, hour: int, now: datetime
) -> None:
    quiet = {"from": start, "to": to} if start != to else None
    who = person(time_zone=zone, quiet=quiet, digest_hour=hour)
    due = next_digest(who, now)

    assert now < due <= now + timedelta(hours=50)
    assert not is_quiet(who.quiet, who.zone, due)


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T06:00Z"),
        ("Europe/Berlin", "2026-03-29T06:00Z", "2026-03-30T06:00Z"),
        ("Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T07:00Z"),
        ("America/New_York", "2028-02-28T14:00Z", "2028-02-29T13:00Z"),
    ],
)
def test_a_digest_comes_at_the_recipients_own_hour(zone: str, now: str, due: str) -> None:
    assert next_digest(person(time_zone=zone), moment(now)) == moment(due)


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("Europe/Berlin", "2026-03-10T22:59Z", "2026-03-10"),
        ("Europe/Berlin", "2026-03-10T23:00Z", "2026-03-11"),
        ("America/New_York", "2028-03-01T04:59Z", "2028-02-29"),
        ("Australia/Lord_Howe", "2026-10-03T13:30Z", "2026-10-04"),
    ],
)
def test_a_cap_counts_the_days_of_where_the_recipient_lives(zone: str, now: str, day: str) -> None:
    assert local_day(person(time_zone=zone), moment(now)) == day


def test_a_slot_that_was_not_used_is_given_back() -> None:
    # given
    who: Recipient = person(daily_cap=1)
    counters = Counters().claimed(who, NOON)

    # when
    back = counters.released(NOON, "2026-03-10")

    # then
    assert (back.on("2026-03-10"), back.within(who, NOON)) == (0, 0)

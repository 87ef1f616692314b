"""message + recipient + what they got lately + now -> send, defer, digest or suppress: the hard rules, in their order

The first rule that decides ends it; each says why it decided or passed. No rule asks the model, and nothing that the
model says can skip one: the override for critical events is set by audiences.py from the event's own figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifications.directory import Recipient
from services.notifications.events import Notification
from services.notifications.localtime import local_day, next_digest, quiet_until
from services.notifications.state import DUPLICATE_WINDOW, Counters, Explained

Outcome = Literal["send", "defer", "digest", "suppress"]


@dataclass(frozen=True)
class Case:
    """All that a rule may look at. `again`: this message was admitted or deferred before."""

    notification: Notification
    entry: Recipient | str
    counters: Counters
    now: datetime
    again: bool = False

    @property
    def recipient(self) -> Recipient:
        if isinstance(self.entry, str):
            raise TypeError(self.entry)  # the rule `known` has ended it before
        return self.entry


@dataclass(frozen=True)
class Ruling:
    """A rule that decides. `until` is when what is deferred or digested comes up again."""

    outcome: Outcome
    why: str
    until: datetime | None = None


@dataclass(frozen=True)
class Judgement:
    """The ruling, and what every rule up to it said."""

    ruling: Ruling
    explained: tuple[Explained, ...]


Rule = Callable[[Case], Ruling | str]
"""Decides, or says why it does not."""


def known(case: Case) -> Ruling | str:
    if isinstance(case.entry, str):
        return Ruling("suppress", case.entry)
    return "the directory entry is sound"


def opted_in(case: Case) -> Ruling | str:
    if case.notification.category in case.recipient.opted_out:
        return Ruling("suppress", f"opted out of {case.notification.category}")
    return f"has not opted out of {case.notification.category}"


def not_told_yet(case: Case) -> Ruling | str:
    if case.again:
        return "it is this very message that was seen"
    at = case.counters.seen.get(case.notification.dedupe)
    if at and case.now - at < DUPLICATE_WINDOW:
        return Ruling("suppress", f"the same news was dealt with at {at.isoformat()}")
    return "news"


def still_true(case: Case) -> Ruling | str:
    key = case.notification.cancellation
    at = case.counters.cancelled.get(key) if key else None
    if at and case.notification.at <= at:
        return Ruling("suppress", f"cancelled at {at.isoformat()}: what it promised was undone")
    return "nothing has cancelled it"


def critical(case: Case) -> Ruling | str:
    if case.notification.critical:
        return Ruling("send", f"critical: {case.notification.cause} overrides quiet hours, caps and digests")
    return "not critical"


def wants_it_now(case: Case) -> Ruling | str:
    if case.notification.category == "digest":
        return "a digest"
    if case.notification.urgency == "digest" and case.recipient.digest != "never":
        return Ruling("digest", "its urgency is digest", next_digest(case.recipient, case.now))
    if case.recipient.digest == "always" and case.notification.urgency != "immediate":
        return Ruling("digest", "prefers digests", next_digest(case.recipient, case.now))
    return f"urgency {case.notification.urgency}, digests {case.recipient.digest}"


def not_quiet(case: Case) -> Ruling | str:
    until = quiet_until(case.recipient.quiet, case.recipient.zone, case.now)
    if until:
        return Ruling("defer", f"quiet hours in {case.recipient.time_zone} until {until.isoformat()}", until)
    return "no quiet hours now"


def digest_itself(case: Case) -> Ruling | str:
    if case.notification.category == "digest":
        return Ruling("send", "a digest is one message a day, beyond caps: what it holds has waited already")
    return "not a digest"


def below_daily_cap(case: Case) -> Ruling | str:
    count = case.counters.on(local_day(case.recipient, case.now))
    if count >= case.recipient.daily_cap:
        return _too_much(case, f"{count} of {case.recipient.daily_cap} messages of today are used")
    return f"{count} of {case.recipient.daily_cap} messages of today were used"


def below_throttle(case: Case) -> Ruling | str:
    count, throttle = case.counters.within(case.recipient, case.now), case.recipient.throttle
    if count >= throttle.most:
        return _too_much(case, f"{count} of {throttle.most} messages within {throttle.minutes} minutes are used")
    return f"{count} of {throttle.most} messages within {throttle.minutes} minutes were used"


def _too_much(case: Case, why: str) -> Ruling:
    if case.recipient.digest == "never":
        return Ruling("suppress", f"{why}, and digests are not wanted")
    return Ruling("digest", why, next_digest(case.recipient, case.now))


ADMISSION: tuple[Rule, ...] = (
    known,
    opted_in,
    not_told_yet,
    still_true,
    critical,
    wants_it_now,
    not_quiet,
    digest_itself,
    below_daily_cap,
    below_throttle,
)
"""Asked when a message comes, and again when it was deferred. A digest disturbs nobody, so it need not wait first."""

BEFORE_SENDING: tuple[Rule, ...] = (known, opted_in, still_true, critical, not_quiet)
"""Asked again right before sending: time has passed since admission. Its slot is its own."""


def judge(case: Case, rules: tuple[Rule, ...] = ADMISSION) -> Judgement:
    """Ask the rules in order until one decides; if none does, the message is sent."""
    explained: list[Explained] = []
    for rule in rules:
        said = rule(case)
        if isinstance(said, Ruling):
            explained.append(Explained(rule=rule.__name__, outcome=said.outcome, why=said.why))
            return Judgement(said, tuple(explained))
        explained.append(Explained(rule=rule.__name__, outcome="pass", why=said))
    return Judgement(Ruling("send", "no rule is against it"), tuple(explained))

"""Everything that can happen to one recipient, in any order: nothing is lost, and no rule is broken."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.kernel.effects import Effects
from services.notifications import decide
from services.notifications.decide import Known
from services.notifications.events import Notification
from services.notifications.localtime import is_quiet, local_day
from services.notifications.state import COUNTERS, DIGEST, Delivery
from tests.services.notifications.things import NOON, notification, person

WHO = person(
    quiet={"from": "22:00", "to": "07:00"}, daily_cap=3, throttle={"most": 2, "minutes": 30}, time_zone="Europe/Berlin"
)
ENDED = {"sent", "suppressed", "cancelled"}


class OneRecipient(RuleBasedStateMachine):
    """A partition in memory: writes go over the version that was read, as Cosmos DB checks."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOON
        self.documents: dict[str, dict[str, Any]] = {}
        self.admitted_on: dict[str, int] = {}
        self.sent: dict[str, datetime] = {}
        self.count = 0

    def known(self) -> Known:
        return Known(WHO, self.documents.get(COUNTERS), self.documents.get(DIGEST))

    def apply(self, effects: Effects) -> bool:
        """False if somebody else wrote first."""
        for put in effects.puts:
            there = self.documents.get(str(put.document["id"]))
            if (there["_etag"] if there else None) != put.etag:
                return False
        for put in effects.puts:
            self.count += 1
            self.documents[str(put.document["id"])] = {**put.document, "_etag": str(self.count)}
        return True

    def waiting(self, status: str) -> list[dict[str, Any]]:
        return [each for each in self.documents.values() if each.get("status") == status]

    def arrives(self, urgency: Any, critical: bool, promise: str) -> Callable[[], Effects]:
        """Load now, decide on what was loaded; the commit is for whoever calls."""
        self.count += 1
        name = f"delivery~{self.count}"
        said = notification(
            urgency=urgency, critical=critical, cancellation=promise, at=self.now, dedupe=f"d-{self.count}"
        )
        known = self.known()
        return lambda: decide.admit(name, said, known, self.now)

    urgencies = st.sampled_from(["immediate", "normal", "digest"])
    promises = st.sampled_from(["", "order-1", "order-2"])

    @rule(urgency=urgencies, critical=st.booleans(), promise=promises)
    def notify(self, urgency: Any, critical: bool, promise: str) -> None:
        assert self.apply(self.arrives(urgency, critical, promise)())

    @rule(urgency=urgencies, promise=promises)
    def two_at_once(self, urgency: Any, promise: str) -> None:
        first, second = self.arrives(urgency, False, promise), self.arrives(urgency, False, promise)
        assert self.apply(first())
        stale = second()
        wrote = self.apply(stale)
        if any(put.document["id"] in (COUNTERS, DIGEST) for put in stale.puts):
            assert not wrote, "both cannot have the same slot"

    @rule(hours=st.integers(0, 30), minutes=st.integers(0, 59))
    def time_passes(self, hours: int, minutes: int) -> None:
        self.now += timedelta(hours=hours, minutes=minutes)

    @rule()
    def what_is_due_comes_again(self) -> None:
        for each in self.waiting("deferred"):
            if datetime.fromisoformat(each["until"]) <= self.now:
                said = Notification.model_validate(each["notification"])
                assert self.apply(decide.admit(each["id"], said, self.known(), self.now, each))

    @rule()
    def send_what_is_admitted(self) -> None:
        for each in self.waiting("admitted"):
            judgement = decide.before_sending(Delivery.model_validate(each), self.known(), self.now)
            if judgement.ruling.outcome == "send":
                assert each["id"] not in self.sent, "sent twice"
                self.sent[each["id"]] = self.now
                assert self.apply(decide.sent(each, "email", [], self.now))
            else:
                assert self.apply(decide.not_now(each, self.known(), judgement))

    @rule(meanwhile=st.booleans())
    def flush(self, meanwhile: bool) -> None:
        self.count += 1
        name, effects = f"delivery~{self.count}", None
        effects = decide.flush(name, WHO_ID, self.known(), self.now, self.now)
        if meanwhile:
            assert self.apply(self.arrives("digest", False, "")())
        if not self.apply(effects):
            assert self.apply(decide.flush(name, WHO_ID, self.known(), self.now, self.now))

    @rule(promise=promises.filter(bool))
    def cancel(self, promise: str) -> None:
        waiting = [
            each
            for status in ("deferred", "digested")
            for each in self.waiting(status)
            if each["notification"]["cancellation"] == promise
        ]
        assert self.apply(decide.cancel(promise, self.now, self.known(), waiting, self.now))
        assert not [
            each
            for status in ("deferred", "digested")
            for each in self.waiting(status)
            if each["notification"]["cancellation"] == promise and each["id"] in self.in_digest()
        ]

    def in_digest(self) -> set[str]:
        return {item["delivery_id"] for item in self.documents.get(DIGEST, {}).get("items", [])}

    @invariant()
    def nothing_is_lost(self) -> None:
        flushed = {item for each in self.documents.values() for item in each.get("items", []) if isinstance(item, str)}
        held = self.in_digest()
        assert not flushed & held, "in two digests"
        for each in self.waiting("digested"):
            assert each["id"] in flushed | held, "a digested message is nowhere"
        for each in self.waiting("deferred"):
            assert each["until"]
        assert all(each["status"] in ENDED | {"admitted", "deferred", "digested"} for each in self.deliveries())

    def deliveries(self) -> list[dict[str, Any]]:
        return [each for each in self.documents.values() if each.get("kind") == "delivery"]

    @invariant()
    def no_rule_is_broken(self) -> None:
        per_day: dict[str, int] = {}
        for each in self.deliveries():
            assert each["explained"], "everything is explained"
            said = each["notification"]
            if each["id"] in self.sent and not said["critical"]:
                assert not is_quiet(WHO.quiet, WHO.zone, self.sent[each["id"]])
            limited = not said["critical"] and said["category"] != "digest"
            if limited and each["status"] in ("admitted", "sent"):
                day = local_day(WHO, datetime.fromisoformat(each["claimed_at"]))
                per_day[day] = per_day.get(day, 0) + 1
        assert all(count <= WHO.daily_cap for count in per_day.values()), per_day


WHO_ID = notification().recipient_id

OneRecipient.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOneRecipient = OneRecipient.TestCase


def test_a_digest_that_is_deferred_keeps_what_is_in_it() -> None:
    # given
    said = notification(category="digest", cause="digest_due")
    waiting = Delivery(
        id="delivery~1", status="deferred", notification=said.model_dump(mode="json"), items=("delivery~0",)
    )

    # when
    effects = decide.admit("delivery~1", said, Known(WHO, None, None), NOON, {**waiting.model_dump(), "_etag": "1"})

    # then
    record = next(put.document for put in effects.puts if put.document["kind"] == "delivery")
    assert record["items"] == ["delivery~0"]

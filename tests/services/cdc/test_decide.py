"""What follows for a version of an item, as tables: no clients, no clock."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.cdc.decide import GONE, Sight, analyse, is_behind, remember, why_not_asked, why_stale
from services.cdc.events import ChangeDetected, ItemChanged, ItemRef
from services.cdc.fields import relevant
from services.cdc.questions import ChangeAnswer
from services.kernel.ask import Answered
from services.kernel.event import Event
from tests.services.cdc.changes import SIGNIFICANT, by_ai, order

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def event(etag: str = "2", *, ai: bool = False, time: int = 100) -> Event[ItemChanged]:
    data = ItemChanged(
        item=ItemRef(id="o-1", partition="o-1"), etag=etag, time=datetime.fromtimestamp(time, UTC), by_ai=ai
    )
    return Event("e", "/items/feed", ItemChanged.TYPE, NOW, data, "key", "print")


def item(etag: str = "2", ts: int = 100, **said: Any) -> dict[str, Any]:
    return {**order(**said), "_etag": etag, "_ts": ts}


def known(etag: str = "1", operation: str = "update", **said: Any) -> dict[str, Any]:
    return {
        "etag": etag,
        "operation": operation,
        "content": relevant(order(**said)),
        "item_kind": "order",
        "customer_id": "C-1",
        "_etag": "v",
    }


SOFT = {"deleted": True, "ttl": 60}


@pytest.mark.parametrize(
    ("sight", "about", "expected"),
    [
        (Sight(None, None), event(), "gone before it was looked at"),
        (Sight(item("2"), known("2")), event("1"), "covered"),
        (Sight(item("2"), known("2")), event("2"), "covered"),
        (Sight(None, known(GONE, "delete")), event(), "covered"),
        (Sight(None, known("1", "delete")), event(), "covered: the item was deleted"),
        (Sight(item("3"), known("1")), event("2", ai=True), "overtaken"),
        (Sight(item("3"), known("1")), event("2"), None),
        (Sight(item("2"), known("1")), event("2", ai=True), None),
        (Sight(item("2"), None), event("2"), None),
        (Sight(None, known("1")), event("2"), None),
        (Sight(None, known("1")), event("2", ai=True), None),
    ],
)
def test_a_message_is_stale_when_somebody_has_looked_or_will(
    sight: Sight, about: Event[ItemChanged], expected: str | None
) -> None:
    said = why_stale(about, sight)
    assert said is expected or (said and expected and said.startswith(expected))


@pytest.mark.parametrize(
    ("sight", "about", "expected"),
    [
        (Sight(item(), known()), event(), "nothing that matters changed"),
        (Sight(item(version=9, updated_at="now", ttl=5), known()), event(), "nothing that matters changed"),
        (Sight(item(status="paid"), known()), event(), None),
        (Sight(by_ai(item(status="paid")), known()), event(ai=True), "as AI wrote it"),
        (Sight(by_ai(item(status="paid")), known()), event(ai=False), None),
        (Sight(by_ai(item(status="paid")) | {"status": "lost"}, known()), event(ai=True), None),
        (Sight(by_ai(item()), None), event(ai=True), "as AI wrote it"),
        (Sight(item(), None), event(), None),
        (Sight(item(**SOFT), known("1", "delete")), event(), "still deleted"),
        (Sight(item(**SOFT), None), event(), "deleted before it was looked at"),
        (Sight(item(**SOFT), known()), event(), None),
        (Sight(None, known()), event(), None),
    ],
    ids=[
        "nothing changed",
        "bookkeeping only",
        "somebody changed it",
        "AI changed it",
        "somebody changed it, then AI",
        "AI's record, changed since",
        "AI created it",
        "somebody created it",
        "changed after its deletion",
        "never seen alive",
        "softly deleted",
        "gone",
    ],
)
def test_a_question_is_asked_only_about_what_somebody_else_changed(
    sight: Sight, about: Event[ItemChanged], expected: str | None
) -> None:
    assert why_not_asked(about, sight, sight.delta()) == expected


@pytest.mark.parametrize(
    ("sight", "operation"),
    [
        (Sight(item(), None), "create"),
        (Sight(item(), known()), "update"),
        (Sight(item(), known("1", "delete")), "create"),
        (Sight(item(**SOFT), known()), "delete"),
        (Sight(item(deleted="yes"), known()), "update"),
        (Sight(None, known()), "delete"),
    ],
    ids=["first seen", "seen", "back again", "softly deleted", "not a deletion", "gone"],
)
def test_the_operation_is_told_from_what_is_there_and_what_was(sight: Sight, operation: str) -> None:
    assert sight.operation == operation


@pytest.mark.parametrize(("read", "written", "behind"), [(99, 100, True), (100, 100, False), (101, 100, False)])
def test_an_item_that_is_older_than_the_message_was_read_too_early(read: int, written: int, behind: bool) -> None:
    assert is_behind(event(time=written), Sight(item(ts=read), known())) is behind
    assert is_behind(event(time=1), Sight(item(ts=read), known() | {"written": written})) is behind
    assert not is_behind(event(time=written), Sight(None, known()))


def answered(**said: Any) -> Answered[ChangeAnswer]:
    return Answered(ChangeAnswer.model_validate({**SIGNIFICANT, **said}), "model", "gpt")


@pytest.mark.parametrize(
    ("said", "told", "starts"),
    [
        ({}, True, False),
        ({"trigger_workflow": True}, True, True),
        ({"trigger_workflow": True, "confidence": "medium"}, True, True),
        ({"trigger_workflow": True, "confidence": "low"}, True, False),
        ({"significant_change": False}, False, False),
        ({"significant_change": False, "trigger_workflow": True}, False, False),
    ],
    ids=["significant", "and urgent", "fairly sure", "unsure", "insignificant", "contradicts itself"],
)
def test_nothing_is_started_on_a_guess_or_for_what_does_not_matter(
    said: dict[str, Any], told: bool, starts: bool
) -> None:
    # given
    sight = Sight(item(status="paid"), known())

    # when
    effects = analyse(event(), sight, sight.delta(), answered(**said), NOW)

    # then
    (put,) = effects.puts
    assert put.document["decided"]["trigger_workflow"] is starts
    assert put.document["decided"]["significant_change"] is (said.get("significant_change") is None)
    assert len(effects.events) == told
    for announced in effects.events:
        assert isinstance(announced.data, ChangeDetected)
        assert announced.data.trigger_workflow is starts


def test_what_is_told_comes_from_our_own_records() -> None:
    # given
    sight = Sight(item(status="paid", customer_id="C-7"), known())

    # when
    effects = analyse(event(), sight, sight.delta(), answered(), NOW)

    # then
    assert effects.events[0].data.model_dump() == {
        "item_id": "o-1",
        "kind": "order",
        "operation": "update",
        "change_type": "update",
        "trigger_workflow": False,
        "reason": "other",
        "changed": ("status", "customer_id"),
        "customer_id": "C-7",
        "confidence": "high",
        "source": "model",
    }


def test_of_a_deleted_item_nothing_is_remembered_that_it_said_and_that_not_for_ever() -> None:
    for sight in (Sight(None, known()), Sight(item(**SOFT), known())):
        (put,) = analyse(event(), sight, sight.delta(), answered(), NOW).puts
        assert put.document["content"] == {}
        assert put.document["ttl"] > 30 * 24 * 3600
        assert put.etag == "v"


def test_what_is_only_remembered_is_told_to_nobody() -> None:
    effects = remember(event(), Sight(item(), known()), "as AI wrote it", NOW)
    assert effects.events == ()
    assert effects.puts[0].document["decided"] == {"note": "as AI wrote it"}
    assert effects.puts[0].document["content"]["status"] == "placed"


@pytest.mark.parametrize("customer", [None, 7, ["C-1"], {"id": "C-1"}])
def test_a_customer_that_is_no_name_is_not_passed_on(customer: Any) -> None:
    assert Sight(item(customer_id=customer), None).customer_id == ""
    assert Sight(item(customer_id="x" * 900), None).customer_id == "x" * 500

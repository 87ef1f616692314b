from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.demo.lines import Line
from local.demo.listeners import Listeners
from local.demo.verdicts import Story, Verdict, stories
from local.demo.world import DeadLetter, Entry, Event, Identity, Place, Version, World
from services.entities import DATA_CHANGES, INSIGHTS, ITEM_CHANGES, ITEMS
from services.kernel.topology import Feed, Subscription, Topology

# Three patterns: the first listens to what comes in, the others to what it found out; `watching` reads a change feed.
THINKING = Topology("thinking", listens=(Subscription(DATA_CHANGES, "thinker", ("order_placed",)),), keeps=(ITEMS,))
TELLING = Topology("telling", listens=(Subscription(INSIGHTS, "teller", ("order_analyzed", "reminder")),))
WATCHING = Topology(
    "watching",
    listens=(Subscription(ITEM_CHANGES, "watcher", ("item_changed",)),),
    feeds=(Feed(ITEMS, "watch", "watching-watch"),),
)
LISTENERS = Listeners((THINKING, TELLING, WATCHING))
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SOON = (NOW + timedelta(hours=1)).isoformat()
PAST = (NOW - timedelta(seconds=1)).isoformat()


def line(number: int = 1, *, key: str | None = "k", text: str = "{}", message_id: str = "m") -> Line:
    return Line(number, text, message_id, "order_placed", key, fingerprint=text)


def marker(consumer: str = "thinker", *announced: dict[str, Any], verdict: str = "committed") -> dict[str, Any]:
    kind = {"thinker": "order_placed", "teller": "order_analyzed", "watcher": "item_changed"}[consumer]
    return {
        "verdict": verdict,
        "consumer": consumer,
        "event_type": kind,
        "attempt": 1,
        "fingerprint": "{}",
        "note": "",
        "at": NOW.isoformat(),
        "announced": list(announced),
    }


def told(key: str, kind: str = "order_analyzed", topic: str = INSIGHTS.name, **more: str) -> dict[str, Any]:
    return {"topic": topic, "type": kind, "key": key, **more}


def letter(
    key: str = "k", *, content: str = "{}", subscription: str = "thinker", origin: str = "thinker~1"
) -> DeadLetter:
    return DeadLetter(Identity(key, content), "wrong-schema", "why", subscription, 1, origin, "order_placed")


def world(markers: dict[str, list[dict[str, Any]]] | None = None, **more: Any) -> World:
    return World(markers=markers or {}, at=NOW, **more)


def kinds(story: Story) -> list[list[str]]:
    return [[verdict.kind for verdict in one.verdicts] for one in story.all]


def by_line(seen: World, *lines: Line, listeners: Listeners = LISTENERS) -> list[list[list[str]]]:
    return [kinds(story) for story in stories(lines, seen, listeners) if story.line]


# -- where a line arrives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (world(), []),
        (world({"k": [marker()]}), ["committed"]),
        (world({"k": [marker(verdict="stale")]}), ["stale"]),
        (world(dead=[letter()]), ["dead-lettered"]),
        (world(dead=[letter(subscription="")]), ["dead-lettered"]),
        (world(refused={1: "too large"}), ["refused"]),
        (world({"k": [marker()]}, refused={1: "too large"}), ["refused", "committed"]),
        (world({"k": [marker()]}, dead=[letter()]), ["dead-lettered", "committed"]),
        (world({"k": [marker(), marker()]}), ["committed", "committed"]),
    ],
)
def test_a_line_has_the_verdicts_that_the_stores_hold(seen: World, found: list[str]) -> None:
    assert by_line(seen, line()) == [[found]]


def test_a_repeated_line_is_a_duplicate_and_its_first_keeps_the_verdict() -> None:
    first, again = stories([line(1), line(2)], world({"k": [marker()]}), LISTENERS)

    assert kinds(first) == [["committed"]]
    assert again.entry[0].verdict == Verdict("duplicate", "as an earlier line")


def test_a_repeated_line_is_no_duplicate_of_a_line_that_has_no_verdict() -> None:
    assert by_line(world(), line(1), line(2)) == [[[]], [[]]]


def test_another_content_under_the_same_id_that_nothing_tells_of_is_lost() -> None:
    assert by_line(world({"k": [marker()]}), line(1), line(2, text='{"other": 1}'))[1] == [[]]


@pytest.mark.parametrize("first", ["{}", '{"other": 1}'])
def test_the_same_id_with_another_content_is_judged_by_its_own_dead_letter_and_leads_nowhere(first: str) -> None:
    # given: two contents under one id, of which one was committed, with what followed, whichever line came first
    second = '{"other": 1}' if first == "{}" else "{}"
    seen = world({"k": [marker("thinker", told("a"))], "a": [marker("teller")]}, dead=[letter(content='{"other": 1}')])

    # when
    found = {story.line.text: kinds(story) for story in stories([line(1, text=first), line(2, text=second)], seen, LISTENERS) if story.line}  # noqa: E501  # fmt: skip

    # then
    assert found == {"{}": [["committed"], ["committed"]], '{"other": 1}': [["dead-lettered"]]}


def test_parking_twice_after_a_crash_is_one_verdict() -> None:
    assert by_line(world(dead=[letter(), letter()]), line()) == [[["dead-lettered"]]]


def test_a_broken_line_sent_twice_has_a_verdict_each() -> None:
    twice = [letter("m", origin=f"thinker~{number}") for number in (1, 2)]

    assert by_line(world(dead=twice), line(1, key=None), line(2, key=None)) == [[["dead-lettered"]]] * 2


def test_every_pattern_that_listens_to_a_line_owes_it_a_verdict() -> None:
    # given: a second pattern that listens to the same events, and has not dealt with this one
    also = Topology("also", listens=(Subscription(DATA_CHANGES, "second", ("order_placed",)),))
    seen = world({"k": [marker()]})

    # when
    (story,) = stories([line()], seen, Listeners((THINKING, also)))

    # then
    assert [(one.pattern, one.is_right) for one in story.entry] == [("thinking", True), ("also", False)]


def test_what_an_http_door_took_is_looked_up_under_the_key_that_the_door_gave() -> None:
    entry = Entry(INSIGHTS.name, "order_analyzed", "given")
    seen = world({"given": [marker("teller")]}, entries={1: entry})

    assert by_line(seen, replace(line(key="own"), kind="alert")) == [[["committed"]]]


def test_what_a_door_took_and_nobody_listens_to_is_told_as_that() -> None:
    seen = world(entries={1: Entry(INSIGHTS.name, "alert_fired", "given")})

    assert by_line(seen, replace(line(key=None), kind="alert")) == [[["unheard"]]]


# -- what followed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "markers", "dead", "found"),
    [
        ("dealt with", {"a": [marker("teller")]}, [], ["committed"]),
        ("missing", {}, [], []),
        ("twice", {"a": [marker("teller"), marker("teller")]}, [], ["committed", "committed"]),
        ("parked", {}, [letter("a", subscription="teller")], ["dead-lettered"]),
        ("given up by the broker", {}, [letter("a", subscription="")], ["dead-lettered"]),
        ("both", {"a": [marker("teller")]}, [letter("a", subscription="teller")], ["dead-lettered", "committed"]),
        ("done by somebody else only", {"a": [marker("watcher")]}, [], []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_event_that_followed_has_one_verdict_at_each_listener(
    name: str, markers: dict[str, list[dict[str, Any]]], dead: list[DeadLetter], found: list[str]
) -> None:
    seen = world({"k": [marker("thinker", told("a"))], **markers}, dead=dead)

    (story,) = (story for story in stories([line()], seen, LISTENERS) if story.line)

    assert kinds(story) == [["committed"], found], name
    assert story.is_right is (len(found) == 1)


@pytest.mark.parametrize(
    ("at", "markers", "found"),
    [
        (SOON, {}, ["scheduled"]),
        (PAST, {}, []),
        (SOON, {"a": [marker("teller")]}, ["committed"]),
        (PAST, {"a": [marker("teller", verdict="stale")]}, ["stale"]),
    ],
)
def test_what_waits_for_later_is_scheduled_until_its_hour(
    at: str, markers: dict[str, list[dict[str, Any]]], found: list[str]
) -> None:
    seen = world({"k": [marker("thinker", told("a", at=at))], **markers})

    assert by_line(seen, line()) == [[["committed"], found]]


def test_what_nobody_listens_to_owes_nobody_a_verdict() -> None:
    seen = world({"k": [marker("thinker", told("a", "weather_changed"), told("b", "order_analyzed", "elsewhere"))]})

    assert by_line(seen, line()) == [[["committed"]]]


def test_an_event_is_followed_as_far_as_it_leads_even_in_a_circle() -> None:
    # given: a -> b -> c -> a
    chain = {key: [marker("teller", told(after))] for key, after in (("a", "b"), ("b", "c"), ("c", "a"))}

    found = by_line(world({"k": [marker("thinker", told("a"))], **chain}), line())

    assert found == [[["committed"]] * 4]


def test_a_very_long_chain_is_followed_to_its_end() -> None:
    chain = {f"a{n}": [marker("teller", told(f"a{n + 1}"))] for n in range(3000)}

    (found,) = by_line(world({"k": [marker("thinker", told("a0"))], **chain}), line())

    assert len(found) == 3002
    assert found[-1] == []


# -- change feeds ------------------------------------------------------------------------------------------------------

PLACE = Place(ITEMS.name, "C-1", "C-1")


def version(name: str, cause: str = "", ts: int = 1) -> Version:
    return Version(name, ts, (Event(ITEM_CHANGES.name, "item_changed", f"changed-{name}"),), cause)


def write() -> Line:
    return Line(1, "{}", "m", "write", None, kind="write")


@pytest.mark.parametrize(
    ("shown", "done", "found"),
    [
        ((), (), [["written"]]),
        ((version("e1"),), (), [["written"], []]),
        ((version("e1"),), ("changed-e1",), [["written"], ["committed"]]),
        ((version("e1"), version("e2")), ("changed-e2",), [["written"], ["committed"]]),
        ((version("e0", ts=0), version("e2", ts=2)), ("changed-e2",), [["written"], ["committed"]]),
        ((version("e0", ts=0),), ("changed-e0",), [["written"]]),
    ],
)
def test_a_write_is_followed_by_what_a_change_feed_made_of_it_or_of_a_later_version(
    shown: tuple[Version, ...], done: tuple[str, ...], found: list[list[str]]
) -> None:
    markers = {key: [marker("watcher")] for key in done}
    seen = world(markers, versions={PLACE: shown}, entries={1: Entry(place=PLACE, etag="e1", ts=1)})

    assert by_line(seen, write()) == [found]


def test_a_record_that_a_pattern_wrote_is_a_change_that_followed_from_its_event() -> None:
    seen = world({"k": [marker()], "changed-e1": [marker("watcher")]}, versions={PLACE: (version("e1", cause="k"),)})

    (story,) = stories([line()], seen, LISTENERS)

    assert [(one.pattern, one.verdict.kind) for one in story.followed] == [("watching", "committed")]


# -- what came in by itself --------------------------------------------------------------------------------------------


def test_the_last_version_of_a_document_owes_a_verdict_whoever_wrote_it() -> None:
    seen = world({"changed-e1": [marker("watcher")]}, versions={PLACE: (version("e1"), version("e2"))})

    told_of = {story.entry[0].key: story.is_right for story in stories([], seen, LISTENERS)}

    assert told_of == {"changed-e2": False, "changed-e1": True}


def test_what_no_line_caused_is_followed_all_the_same() -> None:
    seen = world({"x": [marker("teller", told("y"))]}, dead=[letter("z", subscription="teller", origin="t~1")])

    found = stories([], seen, LISTENERS)

    assert [(story.line, [one.key for one in story.all], story.is_right) for story in found] == [
        (None, ["x", "y"], False)
    ]


@pytest.mark.parametrize(("outbox", "waiting", "settled"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_the_world_is_settled_when_nothing_is_on_its_way(outbox: int, waiting: int, settled: bool) -> None:
    assert World(outbox=outbox, waiting=waiting).settled is settled

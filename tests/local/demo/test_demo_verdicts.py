from typing import Any

import pytest

from local.demo.lines import Line
from local.demo.verdicts import DeadLetter, Verdict, World


def line(number: int, *, key: str | None = "k", text: str = "{}", message_id: str = "m") -> Line:
    return Line(number, text, message_id, "order_placed", key, fingerprint=text)


def marker(verdict: str = "committed") -> dict[str, Any]:
    return {
        "verdict": verdict,
        "consumer": "ai-processor",
        "attempt": 1,
        "fingerprint": "{}",
        "at": "2026-11-22T10:00:00+00:00",
    }


def letter(*, origin: str = "ai-processor~1", text: str = "{}", message_id: str = "m") -> DeadLetter:
    return DeadLetter(message_id, "wrong-schema", "why", "ai-processor", 1, text, origin)


def world(
    *,
    markers: dict[str, list[dict[str, Any]]] | None = None,
    dead: tuple[DeadLetter, ...] = (),
    refused: dict[int, str] | None = None,
) -> World:
    return World(markers or {}, [], dead, 0, 0, refused or {})


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (world(), []),
        (world(markers={"k": [marker()]}), ["committed"]),
        (world(markers={"k": [marker("stale")]}), ["stale"]),
        (world(dead=(letter(),)), ["dead-lettered"]),
        (world(refused={1: "too large"}), ["refused"]),
        (world(markers={"k": [marker()]}, dead=(letter(),)), ["dead-lettered", "committed"]),
        (world(markers={"k": [marker(), marker()]}), ["committed", "committed"]),
    ],
)
def test_a_line_has_the_verdicts_that_the_stores_hold(seen: World, kinds: list[str]) -> None:
    found = seen.verdicts([line(1)])

    assert [verdict.kind for verdict in found[1]] == kinds


def test_a_repeated_line_is_a_duplicate_and_its_first_keeps_the_verdict() -> None:
    found = world(markers={"k": [marker()]}).verdicts([line(1), line(2)])

    assert [verdict.kind for verdict in found[1]] == ["committed"]
    assert found[2] == [Verdict("duplicate", "as an earlier line")]


def test_a_repeated_line_is_no_duplicate_of_a_line_that_has_no_verdict() -> None:
    assert world().verdicts([line(1), line(2)]) == {1: [], 2: []}


def test_another_content_under_the_same_id_that_nothing_tells_of_is_lost() -> None:
    found = world(markers={"k": [marker()]}).verdicts([line(1), line(2, text='{"other": 1}')])

    assert found[2] == []


def test_the_same_id_with_another_content_is_judged_by_its_own_dead_letter() -> None:
    seen = world(markers={"k": [marker()]}, dead=(letter(text='{"other": 1}'),))

    found = seen.verdicts([line(1), line(2, text='{"other": 1}')])

    assert [verdict.kind for verdict in found[1]] == ["committed"]
    assert [verdict.kind for verdict in found[2]] == ["dead-lettered"]


def test_parking_twice_after_a_crash_is_one_verdict() -> None:
    found = world(dead=(letter(), letter())).verdicts([line(1)])

    assert [verdict.kind for verdict in found[1]] == ["dead-lettered"]


def test_a_broken_line_sent_twice_has_a_verdict_each() -> None:
    seen = world(dead=(letter(origin="ai-processor~1"), letter(origin="ai-processor~2")))

    found = seen.verdicts([line(1, key=None), line(2, key=None)])

    assert [verdict.kind for verdicts in found.values() for verdict in verdicts] == ["dead-lettered", "dead-lettered"]


@pytest.mark.parametrize(("outbox", "waiting", "settled"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_the_world_is_settled_when_nothing_is_on_its_way(outbox: int, waiting: int, settled: bool) -> None:
    assert World({}, [], (), outbox, waiting).settled is settled

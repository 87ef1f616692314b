import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from local.demo.lines import Line
from local.demo.listeners import Listeners
from local.demo.report import make
from local.demo.show import FEW, show
from local.demo.world import DeadLetter, Identity, World
from services.entities import DATA_CHANGES, INSIGHTS
from services.inference.questions import ORDER
from services.kernel.topology import Subscription, Topology

LARGE = "by the broker: larger than Service Bus takes"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
INFERENCE = Topology(
    "inference", listens=(Subscription(DATA_CHANGES, "ai-processor", ("order_placed",)),), asks=("small",)
)
TELLING = Topology("telling", listens=(Subscription(INSIGHTS, "teller", ("order_analyzed", "reminder")),))
LISTENERS = Listeners((INFERENCE, TELLING))


def line(number: int, subject: str = "order_placed") -> Line:
    return Line(number, "{}", f"m{number}", subject, f"k{number}", fingerprint=f"f{number}")


def letter(number: int) -> DeadLetter:
    identity = Identity(f"k{number}", f"f{number}")
    return DeadLetter(identity, "wrong-schema", "", "ai-processor", 1, f"o{number}", "order_placed")


def marker(number: int, *announced: tuple[str, str], note: str = "") -> dict[str, Any]:
    return {
        "verdict": "committed",
        "consumer": "ai-processor",
        "event_type": "order_placed",
        "attempt": 1,
        "fingerprint": f"f{number}",
        "note": note,
        "at": (NOW + timedelta(seconds=number)).isoformat(),
        "announced": [{"topic": INSIGHTS.name, "type": kind, "key": key} for kind, key in announced],
    }


def told(note: str = "", at: int = 5) -> dict[str, Any]:
    moment = (NOW + timedelta(seconds=at)).isoformat()
    return {**marker(0, note=note), "consumer": "teller", "event_type": "order_analyzed", "at": moment}


def decision(key: str = "k1", *, source: str = "rules", why: str = "not-let-in") -> dict[str, Any]:
    return {
        "event_type": "order_placed",
        "event_key": key,
        "question": ORDER.name,
        "source": source,
        "why": why,
        "tokens": {"input": 100, "output": 20},
        "cost_usd": 0.5,
        "priced": True,
        "calls": 0,
        "answer": {"risk": "low", "reasons": ["a", "b"]},
    }


def shown(lines: Sequence[Line], markers: dict[str, Any] | None = None, **more: Any) -> str:
    world = World(markers={key: [value] for key, value in (markers or {}).items()}, at=NOW, **more)
    out = io.StringIO()
    sent = {one.number: NOW.timestamp() for one in lines}
    show(make(lines, world, sent, {}, 1.0, LISTENERS), Console(file=out, width=140))
    return out.getvalue()


def cells(text: str, title: str, row: str) -> dict[str, str]:
    """A row of a table, by heading."""
    below = text[text.index(title) :].splitlines()[1:]
    found = next(each for each in below[1:] if each.startswith(row))
    values = found[len(row) :].split()
    headings = re.sub(r"by (model|rules)", r"\1", below[0]).split()[-len(values) :]
    return dict(zip(headings, values, strict=True))


CAME_IN, LED_TO, EACH = "what came in", "where it led", "pattern by pattern"


def test_a_type_that_is_listened_to_is_known_even_if_nothing_was_decided_about_it() -> None:
    printed = shown([line(1), line(2, "weather_changed")], dead=[letter(1), letter(2)])

    rows = [each.split("  ")[0] for each in printed[printed.index(CAME_IN) :].splitlines()]
    assert "order_placed" in rows
    assert "(no known type)" in rows
    assert "weather_changed" not in rows


def test_what_the_broker_refused_is_counted_together_and_is_not_dead() -> None:
    printed = shown([line(1), line(2)], refused={1: LARGE, 2: LARGE})

    assert "refused        by the broker 2" in printed
    assert "dead-lettered" not in printed
    row = cells(printed, CAME_IN, "order_placed")
    assert (row["dead"], row["refused"]) == ("-", "2")


def test_why_the_rules_answered_for_the_model_is_told() -> None:
    by_choice, by_model = decision(why=""), decision(source="model", why="")

    printed = shown([], decisions=[decision(), decision(), decision(why="timeout"), by_choice, by_model])

    assert "rules          3 of 5 answers, because: not-let-in 2, timeout 1" in printed


def test_what_does_not_apply_is_not_told() -> None:
    printed = shown([line(1)], {"k1": marker(1)}, decisions=[decision(source="model", why="")])

    assert not any(word in printed for word in ("refused", "because", "dead-lettered", "(by itself)", "what followed"))


def test_where_a_line_led_and_what_that_cost_is_counted_by_what_came_in_and_by_pattern() -> None:
    # given: two orders, of which one leads to two more events, one of them for later; an answer each
    later = {"topic": INSIGHTS.name, "type": "reminder", "key": "b", "at": (NOW + timedelta(hours=1)).isoformat()}
    first = marker(1, ("order_analyzed", "a"))
    first["announced"].append(later)
    decisions = [decision("k1", source="model"), decision("k2"), decision("a")]

    # when
    printed = shown([line(1), line(2)], {"k1": first, "k2": marker(2), "a": told()}, decisions=decisions)

    # then
    assert cells(printed, LED_TO, "order_placed") == {
        "inference": "2",
        "telling": "2",
        "tokens": "360",
        "cost": "$1.5000",
    }
    each = cells(printed, EACH, "telling")
    assert (each["events"], each["committed"], each["scheduled"]) == ("2", "1", "1")
    assert "what followed  has exactly one in each pattern that it reached: 2 of 2" in printed
    assert "every line     has exactly one verdict: 2 of 2" in printed


def test_the_latency_of_a_type_is_that_of_its_lines() -> None:
    lines = [line(number) for number in (1, 2, 3)]

    printed = shown(lines, {f"k{number}": marker(number) for number in (1, 2, 3)})

    assert "2000 ms" in printed


def test_few_lines_are_told_with_what_followed_in_the_order_in_which_it_happened() -> None:
    first = marker(1, ("order_analyzed", "a"), ("order_analyzed", "b"), note="accepted")
    markers = {"k1": first, "a": told("told ada", at=9), "b": told("told bob", at=8)}

    printed = shown([line(1)], markers, decisions=[decision(source="model")]).splitlines()

    assert printed[:5] == [
        "line 1  order_placed: committed (ai-processor)",
        "        accepted",
        "        by model: risk low, reasons a+b",
        "        telling  order_analyzed  committed  told bob",
        "                 order_analyzed  committed  told ada",
    ]


def test_many_lines_are_not_told_one_by_one() -> None:
    lines = [line(number) for number in range(1, FEW + 2)]

    printed = shown(lines, {f"k{one.number}": marker(one.number) for one in lines})

    assert printed.startswith(CAME_IN)


def test_what_is_missing_is_named_with_the_line_that_led_to_it() -> None:
    world_of = {"k1": marker(1, ("order_analyzed", "a"))}

    printed = shown([line(1), line(2)], world_of, dead=[letter(2)])

    assert "1 of 2 lines do not have exactly one verdict wherever they led" in printed
    assert "line 1: order_analyzed a, telling/teller: none" in printed


def test_what_came_in_by_itself_has_a_row_of_its_own_and_counts() -> None:
    printed = shown([line(1)], {"k1": marker(1), "x": told()})

    assert cells(printed, LED_TO, "(by itself)")["telling"] == "1"
    assert "by itself  order_analyzed: committed (teller)" in printed
    assert "what followed  has exactly one in each pattern that it reached: 1 of 1" in printed

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from local.demo.lines import Line
from local.demo.report import make, show
from local.demo.verdicts import DeadLetter, World

LARGE = "by the broker: larger than Service Bus takes"


def line(number: int, subject: str = "order_placed") -> Line:
    return Line(number, "{}", f"m{number}", subject, f"k{number}", fingerprint=f"f{number}")


def decision(*, source: str = "rules", why: str = "not-let-in") -> dict[str, Any]:
    return {
        "event_type": "order_placed",
        "event_key": "k1",
        "source": source,
        "why": why,
        "tokens": {"input": 0, "output": 0},
        "cost_usd": 0.0,
        "priced": True,
        "calls": 0,
        "answer": {},
    }


def shown(
    lines: Sequence[Line],
    *,
    decisions: Sequence[dict[str, Any]] = (),
    dead: tuple[DeadLetter, ...] = (),
    refused: dict[int, str] | None = None,
) -> str:
    world = World({}, list(decisions), dead, 0, 0, refused or {})
    out = io.StringIO()
    show(make(lines, world, {}, {}, 1.0), Console(file=out, width=140))
    return out.getvalue()


def test_a_type_that_is_listened_to_is_known_even_if_nothing_was_decided_about_it() -> None:
    dead = tuple(DeadLetter(f"m{n}", "wrong-schema", "", "ai-processor", 1, "{}", f"o{n}") for n in (1, 2))

    told = shown([line(1), line(2, "weather_changed")], dead=dead)

    rows = [each.split("  ")[0] for each in told.splitlines()]
    assert "order_placed" in rows
    assert "(no known type)" in rows
    assert "weather_changed" not in rows


def test_what_the_broker_refused_is_counted_together_and_is_not_dead() -> None:
    told = shown([line(1), line(2)], refused={1: LARGE, 2: LARGE})

    assert f"refused        {LARGE} 2" in told
    assert "dead-lettered" not in told
    heads, row = next(
        (head.split()[2:], row.split()[1:])
        for head, row in zip(told.splitlines(), told.splitlines()[1:], strict=False)
        if head.startswith("event type")
    )
    cells = dict(zip(heads[:6], row[:6], strict=True))
    assert (cells["dead"], cells["refused"]) == ("0", "2")


def test_why_the_rules_answered_for_the_model_is_told() -> None:
    by_choice, by_model = decision(why=""), decision(source="model", why="")

    told = shown([], decisions=[decision(), decision(), decision(why="timeout"), by_choice, by_model])

    assert "rules          3 of 5 answers, because: not-let-in 2, timeout 1" in told


def test_what_does_not_apply_is_not_told() -> None:
    told = shown([line(1)], decisions=[decision(source="model", why="")])

    assert not any(word in told for word in ("refused", "because", "dead-lettered"))

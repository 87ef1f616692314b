"""lines + world -> the report: what became of what came in, where it led, what it cost, and what has not one verdict.

Counted, never estimated. local/demo/show.py prints it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, cast

from local.demo.lines import Line
from local.demo.listeners import Listeners
from local.demo.verdicts import Handled, Story, stories
from local.demo.world import Document, World
from services.kernel.question import Question
from services.kernel.topology import Topology

UNKNOWN = "(no known type)"
BY_ITSELF = "(by itself)"
"""What no line brought in: a change feed, a timer, a person."""


@dataclass
class Spent:
    """Answers, and what they cost."""

    sources: Counter[str] = field(default_factory=Counter[str])
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def add(self, decision: Document) -> None:
        self.sources[decision["source"]] += 1
        self.tokens += decision["tokens"]["input"] + decision["tokens"]["output"]
        self.cost += decision["cost_usd"] or 0.0
        self.unpriced += not decision["priced"]


@dataclass
class Arrived(Spent):
    """One event type, as lines brought it in; answers and cost are those of all that followed, too."""

    lines: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    retried: int = 0
    latencies: list[float] = field(default_factory=list[float])
    reached: Counter[str] = field(default_factory=Counter[str])
    """How many events of each pattern these lines led to."""


@dataclass
class Pattern(Spent):
    """One pattern, over all lines."""

    verdicts: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class Report:
    """What the run came to.

    `dead` and `refused` count reasons, `modelless` why the rules answered for the model. `wrong` are the events that do
    not have exactly one verdict at one of their listeners.
    """

    arrived: Mapping[str, Arrived]
    patterns: Mapping[str, Pattern]
    dead: Counter[str]
    refused: Counter[str]
    modelless: Counter[str]
    stories: Sequence[Story]
    decisions: Mapping[tuple[str, str], Document]
    """Answers by event key and pattern."""
    asked: int
    peak: int
    seconds: float

    @property
    def lines(self) -> int:
        return sum(1 for story in self.stories if story.line)

    @property
    def right(self) -> int:
        """Lines that have exactly one verdict wherever they led."""
        return sum(1 for story in self.stories if story.line and story.is_right)

    @property
    def followed(self) -> int:
        """Verdicts of what followed from the lines, and of what came in by itself."""
        return sum(len(story.followed if story.line else story.all) for story in self.stories)

    @property
    def wrong(self) -> list[tuple[Line | None, Handled]]:
        return [(story.line, one) for story in self.stories for one in story.all if not one.is_right]

    @property
    def ok(self) -> bool:
        return not self.wrong


def make(
    lines: Sequence[Line],
    world: World,
    sent: Mapping[int, float],
    stats: Mapping[str, Any],
    seconds: float,
    listeners: Listeners | None = None,
) -> Report:
    """Count."""
    listeners = listeners or Listeners()
    told = stories(lines, world, listeners)
    arrived: dict[str, Arrived] = {}
    patterns = {pattern.name: Pattern() for pattern in listeners.patterns if pattern.listens}
    dead, refused, modelless = Counter[str](), Counter[str](), Counter[str]()
    row_of: dict[str, Arrived] = {}
    for story in told:
        row = arrived.setdefault(_name(story, listeners.known), Arrived())
        _arrive(row, story, sent)
        for one in story.all:
            row_of.setdefault(one.key, row)
            if one.pattern and one.verdict.kind != "duplicate":
                row.reached[one.pattern] += 1
            for verdict in one.verdicts:
                if one.pattern:
                    patterns[one.pattern].verdicts[verdict.kind] += 1
                if verdict.kind == "dead-lettered":
                    dead[verdict.detail] += 1
                if verdict.kind == "refused":
                    refused[verdict.detail.partition(": ")[0]] += 1
    asked_by = _asked_by(listeners.patterns)
    decisions: dict[tuple[str, str], Document] = {}
    for decision in world.decisions:
        pattern = asked_by.get(decision["question"], "")
        decisions[decision["event_key"], pattern] = decision
        row_of.get(decision["event_key"], arrived.setdefault(BY_ITSELF, Arrived())).add(decision)
        patterns.setdefault(pattern, Pattern()).add(decision)
        if decision["source"] == "rules" and decision["why"]:
            modelless[decision["why"]] += 1
    rows = {name: row for name, row in arrived.items() if row.lines or row.reached or row.sources}
    recorded = sum(decision["calls"] for decision in world.decisions)
    asked = int(stats.get("outcomes", {}).get("answered", recorded))
    counts = (dead, refused, modelless)
    return Report(rows, patterns, *counts, told, decisions, asked, int(stats.get("peak", 0)), seconds)


def _arrive(row: Arrived, story: Story, sent: Mapping[int, float]) -> None:
    if story.line is None:
        return
    row.lines += 1
    for one in story.entry:
        for verdict in one.verdicts:
            row.verdicts[verdict.kind] += 1
    first = next((v for one in story.entry for v in one.verdicts if v.kind == "committed"), None)
    if first and story.line.number in sent:
        row.retried += first.attempt > 1
        row.latencies.append(datetime.fromisoformat(first.at).timestamp() - sent[story.line.number])


def _name(story: Story, known: set[str]) -> str:
    """The row that a line is counted in."""
    if story.line is None:
        return BY_ITSELF
    if story.line.kind != "event":
        return f"({story.line.kind})"
    return story.line.subject if story.line.subject in known and story.line.subject else UNKNOWN


def _asked_by(patterns: Sequence[Topology]) -> dict[str, str]:
    """Which pattern asks a question, by the question's name."""
    found: dict[str, str] = {}
    for pattern in patterns:
        if pattern.asks:
            module = import_module(f"services.{pattern.name.replace('-', '_')}.questions")
            found |= {each.name: pattern.name for each in cast("tuple[Question[Any, Any], ...]", module.QUESTIONS)}
    return found

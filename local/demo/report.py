"""world + lines -> the report: what became of each event type, what the AI cost, and any line without one verdict."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from local.demo.lines import Line
from local.demo.verdicts import Verdict, World
from services.registry import PATTERNS

UNKNOWN = "(no known type)"
FEW = 12
"""So many lines are told one by one."""


@dataclass
class Row:
    """One event type."""

    lines: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    sources: Counter[str] = field(default_factory=Counter[str])
    retried: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    latencies: list[float] = field(default_factory=list[float])


@dataclass(frozen=True)
class Report:
    """What the run came to.

    `dead` and `refused` count reasons, `modelless` why the rules answered for the model. `wrong` are the lines that do
    not have exactly one verdict, with what they have; `told` is each line's story, where there are few.
    """

    rows: Mapping[str, Row]
    dead: Counter[str]
    refused: Counter[str]
    modelless: Counter[str]
    wrong: Sequence[tuple[Line, Sequence[Verdict]]]
    told: Sequence[str]
    asked: int
    peak: int
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.wrong


def make(
    lines: Sequence[Line], world: World, sent: Mapping[int, float], stats: Mapping[str, Any], seconds: float
) -> Report:
    """Count; nothing here is estimated."""
    rows: defaultdict[str, Row] = defaultdict(Row)
    known = {name for pattern in PATTERNS for listener in pattern.listens for name in listener.event_types}
    dead: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    modelless: Counter[str] = Counter()
    wrong: list[tuple[Line, Sequence[Verdict]]] = []
    for line in lines:
        rows[_type(line, known)].lines += 1
    for number, verdicts in world.verdicts(lines).items():
        line = next(line for line in lines if line.number == number)
        row = rows[_type(line, known)]
        if len(verdicts) != 1:
            wrong.append((line, verdicts))
        for verdict in verdicts:
            row.verdicts[verdict.kind] += 1
            if verdict.kind == "dead-lettered":
                dead[verdict.detail] += 1
            if verdict.kind == "refused":
                refused[verdict.detail] += 1
            if verdict.kind == "committed" and number in sent:
                marker = world.markers[line.key or ""][0]
                row.retried += marker["attempt"] > 1
                row.latencies.append(datetime.fromisoformat(marker["at"]).timestamp() - sent[number])
    for decision in world.decisions:
        row = rows[decision["event_type"]]
        row.sources[decision["source"]] += 1
        row.tokens += decision["tokens"]["input"] + decision["tokens"]["output"]
        row.cost += decision["cost_usd"] or 0.0
        row.unpriced += not decision["priced"]
        if decision["source"] == "rules" and decision["why"]:
            modelless[decision["why"]] += 1
    told = _stories(lines, world) if len(lines) <= FEW else ()
    counts = (dead, refused, modelless)
    return Report(dict(rows), *counts, wrong, told, _asked(world, stats), _peak(stats), seconds)


def show(report: Report, console: Console) -> None:
    """Print it."""
    for story in report.told:
        console.print(story, markup=False, soft_wrap=True)
    table = Table(title="per event type", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    kinds = {"committed": "committed", "stale": "stale", "duplicate": "duplicate", "dead": "dead-lettered"}
    kinds |= {"refused": "refused"} if report.refused else {}
    table.add_column("event type")
    for heading in ("lines", *kinds, "retried", "by model", "by rules", "tokens", "cost", "p50", "p95"):
        table.add_column(heading, justify="right")
    for name, row in sorted(report.rows.items()):
        p50, p95 = _percentiles(row.latencies)
        table.add_row(
            name,
            str(row.lines),
            *(str(row.verdicts[kind]) for kind in kinds.values()),
            str(row.retried),
            *(str(row.sources[source]) for source in ("model", "rules")),
            f"{row.tokens:,}",
            f"${row.cost:.4f}" + ("?" if row.unpriced else ""),
            p50,
            p95,
        )
    console.print(table)
    if report.dead:
        console.print(f"dead-lettered  {_counted(report.dead)}")
    if report.refused:
        console.print(f"refused        {_counted(report.refused)}")
    at_once = f", at most {report.peak} at once" if report.peak else ""  # a real model does not tell
    console.print(f"model          {report.asked} calls answered{at_once}")
    if report.modelless:
        answers = sum(row.sources.total() for row in report.rows.values())
        why = _counted(report.modelless)
        console.print(f"rules          {report.modelless.total()} of {answers} answers, because: {why}")
    lines = sum(row.lines for row in report.rows.values())
    if report.ok:
        console.print(f"every line     has exactly one verdict: {lines} of {lines}, in {report.seconds:.1f} s")
        return
    console.print(f"[bold red]{len(report.wrong)} of {lines} lines do not have exactly one verdict:[/]")
    for line, verdicts in report.wrong[:20]:
        has = ", ".join(f"{verdict.kind} ({verdict.detail})" for verdict in verdicts) or "none"
        console.print(f"  line {line.number}: {has}   {line.text[:80]}", markup=False)


def _stories(lines: Sequence[Line], world: World) -> list[str]:
    """Line by line: the verdict, and what was answered by whom."""
    answers = {decision["event_key"]: decision for decision in world.decisions}
    stories: list[str] = []
    for number, verdicts in world.verdicts(lines).items():
        line = next(line for line in lines if line.number == number)
        verdict = ", ".join(f"{verdict.kind} ({verdict.detail})" for verdict in verdicts) or "no verdict"
        stories.append(f"line {number}  {line.subject or UNKNOWN}: {verdict}")
        stories += [f"        {found.why}" for found in verdicts if found.why]
        decision = answers.get(line.key or "")
        if decision and any(found.kind == "committed" for found in verdicts):
            said = ", ".join(f"{name} {_plain(value)}" for name, value in decision["answer"].items())
            stories.append(f"        by {decision['source']}: {said}")
    return stories


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))


def _plain(value: object) -> str:
    return "+".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)


def _type(line: Line, known: set[str]) -> str:
    return line.subject if line.subject in known and line.subject else UNKNOWN


def _percentiles(seconds: Sequence[float]) -> tuple[str, str]:
    if len(seconds) < 2:  # noqa: PLR2004 - one value has no percentiles
        return "-", "-"
    cuts = quantiles(seconds, n=20)
    return f"{cuts[9] * 1000:.0f} ms", f"{cuts[18] * 1000:.0f} ms"


def _asked(world: World, stats: Mapping[str, Any]) -> int:
    recorded = sum(decision["calls"] for decision in world.decisions)
    return int(stats.get("outcomes", {}).get("answered", recorded))


def _peak(stats: Mapping[str, Any]) -> int:
    return int(stats.get("peak", 0))

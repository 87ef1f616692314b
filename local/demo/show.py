"""report -> the terminal: few lines are told one by one, then three tables to look at, then whether all is well"""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from local.demo.report import UNKNOWN, Report, Spent
from local.demo.verdicts import Handled, Story, Verdict
from local.demo.world import Document

FEW = 20
"""So many lines are told one by one."""
TOLD = 100
"""Letters of a note or an answer that fit beside what followed."""
MARGIN = " " * 8

KINDS = {"committed": "committed", "stale": "stale", "duplicate": "duplicate", "dead": "dead-lettered"}
RARE = ("written", "refused", "unheard")
"""Verdicts that get a column only where there are any."""


def show(report: Report, console: Console) -> None:
    """Print it."""
    if report.lines <= FEW:
        for story in report.stories:
            for text in tell(story, report):
                console.print(text, markup=False, soft_wrap=True)
    console.print(_came_in(report))
    console.print(_led_to(report))
    console.print(_patterns(report))
    if report.dead:
        console.print(f"dead-lettered  {_counted(report.dead)}")
    if report.refused:
        console.print(f"refused        {_counted(report.refused)}")
    at_once = f", at most {report.peak} at once" if report.peak else ""  # a real model does not tell
    console.print(f"model          {report.asked} calls answered{at_once}")
    if report.modelless:
        answers = sum(pattern.sources.total() for pattern in report.patterns.values())
        console.print(
            f"rules          {report.modelless.total()} of {answers} answers, because: {_counted(report.modelless)}"
        )
    _conclude(report, console)


def _conclude(report: Report, console: Console) -> None:
    if report.ok:
        if followed := report.followed:
            console.print(f"what followed  has exactly one in each pattern that it reached: {followed} of {followed}")
        console.print(
            f"every line     has exactly one verdict: {report.right} of {report.lines}, in {report.seconds:.1f} s"
        )
        return
    wrong, bad = report.wrong, f"{report.lines - report.right} of {report.lines}"
    console.print(f"[bold red]{bad} lines do not have exactly one verdict wherever they led:[/]")
    for line, one in wrong[:20]:
        has = ", ".join(_verdict(verdict, one) for verdict in one.verdicts) or "none"
        where = f"{one.pattern}/{one.subscription}" if one.pattern else "at the door"
        who = f"line {line.place or line.number}" if line else "by itself"
        console.print(f"  {who}: {one.type} {one.key}, {where}: {has}   {line.text[:60] if line else ''}", markup=False)


# -- the tables --------------------------------------------------------------------------------------------------------


def _came_in(report: Report) -> Table:
    kinds = dict(KINDS)
    kinds |= {kind: kind for kind in RARE if any(row.verdicts[kind] for row in report.arrived.values())}
    table = _table(
        "what came in, and what became of it there", "event type", ("lines", *kinds, "retried", "p50", "p95")
    )
    for name, row in sorted(report.arrived.items()):
        if row.lines:
            counts = [row.lines, *(row.verdicts[kind] for kind in kinds.values()), row.retried]
            table.add_row(name, *map(_number, counts), *_percentiles(row.latencies))
    return table


def _led_to(report: Report) -> Table:
    patterns = [name for name in report.patterns if name]
    table = _table("where it led: events in each pattern", "event type", (*patterns, "tokens", "cost"))
    for name, row in sorted(report.arrived.items()):
        table.add_row(name, *(_number(row.reached[pattern]) for pattern in patterns), *_spent(row))
    return table


def _patterns(report: Report) -> Table:
    kinds = {"committed": "committed", "stale": "stale", "dead": "dead-lettered", "scheduled": "scheduled"}
    table = _table("pattern by pattern", "pattern", ("events", *kinds, "by model", "by rules", "tokens", "cost"))
    for name, row in report.patterns.items():
        counts = [row.verdicts.total() - row.verdicts["duplicate"], *(row.verdicts[kind] for kind in kinds.values())]
        counts += [row.sources["model"], row.sources["rules"]]
        table.add_row(name or "(none)", *map(_number, counts), *_spent(row))
    return table


def _table(title: str, first: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _spent(row: Spent) -> tuple[str, str]:
    return _number(row.tokens), f"${row.cost:.4f}" + ("?" if row.unpriced else "")


def _percentiles(seconds: Sequence[float]) -> tuple[str, str]:
    if len(seconds) < 2:  # noqa: PLR2004 - one value has no percentiles
        return "-", "-"
    cuts = quantiles(seconds, n=20)
    return f"{cuts[9] * 1000:.0f} ms", f"{cuts[18] * 1000:.0f} ms"


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))


# -- a line's story ----------------------------------------------------------------------------------------------------


def tell(story: Story, report: Report) -> Iterator[str]:
    """Where the line arrived, then what followed, pattern by pattern and in order."""
    ended = ", ".join(_verdict(v, one) for one in story.entry for v in one.verdicts) or "no verdict"
    if story.line:
        yield f"line {story.line.place or story.line.number}  {story.line.subject or UNKNOWN}: {ended}"
    else:
        yield f"by itself  {story.entry[0].type}: {ended}"
    for one in story.entry:
        yield from (f"{MARGIN}{verdict.why}" for verdict in one.verdicts if verdict.why)
        yield from (f"{MARGIN}{verdict.detail}" for verdict in one.verdicts if _is_note(verdict))
        decision = report.decisions.get((one.key, one.pattern))
        if decision and one.verdict.kind == "committed":
            yield f"{MARGIN}{_said(decision)}"
    patterns = list(dict.fromkeys(one.pattern for one in story.followed))
    width = max((len(name) for name in patterns), default=0)
    type_width = max((len(one.type) for one in story.followed), default=0)
    for pattern in patterns:
        shown = pattern
        for one in sorted((one for one in story.followed if one.pattern == pattern), key=_when):
            for verdict in one.verdicts or (one.verdict,):
                said = _beside(verdict, report.decisions.get((one.key, pattern)))
                yield f"{MARGIN}{shown:{width}}  {one.type:{type_width}}  {verdict.kind:9}  {said}".rstrip()
                shown = ""


def _when(one: Handled) -> str:
    return one.verdict.at or "~"  # what has no time yet comes last


def _verdict(verdict: Verdict, one: Handled) -> str:
    return f"{verdict.kind} ({one.subscription if verdict.at else verdict.detail})"


def _is_note(verdict: Verdict) -> bool:
    return verdict.kind in ("committed", "stale") and bool(verdict.detail)


def _beside(verdict: Verdict, decision: Document | None) -> str:
    """In a few words, for a line of its own would hide the order of things."""
    told = ": ".join(part for part in (verdict.detail, verdict.why) if part)
    if decision and verdict.kind == "committed":
        told = "; ".join(part for part in (told, _said(decision)) if part)
    return told if len(told) <= TOLD else f"{told[: TOLD - 3]}..."


def _said(decision: Document) -> str:
    answer = ", ".join(f"{name} {_plain(value)}" for name, value in decision["answer"].items())
    return f"by {decision['source']}: {answer}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return "+".join(map(_plain, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, dict):
        return "/".join(map(_plain, value.values()))  # pyright: ignore[reportUnknownArgumentType]
    return str(value)

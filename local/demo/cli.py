"""make demo: events through the system that the Pulumi program describes, and a verdict for every line."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from local.demo import report, run, samples, show
from local.demo.world import World
from local.session import session
from local.stack import FOLDER, Stack
from services.registry import PATTERNS

LIFELIKE = """{"faults": [
    {"kind": "rate_limited", "share": 0.03, "retry_after": 1},
    {"kind": "invalid_json", "share": 0.02}
]}"""
"""A model as it is in life: now and then it is throttled, or answers nonsense."""
WIDTH = 116
"""Columns that the report needs; a narrower terminal wraps them itself."""


def demo(
    events: Annotated[Path | None, typer.Option(help="Your own lines, one event each.", envvar="EVENTS")] = None,
    *,
    pattern: Annotated[str, typer.Option(help="Only what shows this pattern.", envvar="PATTERN")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, even if the last run was cut off.")] = False,
    together: Annotated[
        bool, typer.Option("--together", help="All function apps in one process, where memory is scarce.")
    ] = False,
    rate: Annotated[float, typer.Option(help="Lines sent per second.", min=0.1, max=5000)] = 60.0,
) -> None:
    """Send events through the whole system and look up what became of each."""
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    began = time.monotonic()
    stack = Stack(say=lambda text: console.print(f"[dim]{text}[/]"))
    with session(stack, console, name="demo", farewell="cut off; the next `make demo` resumes this run"):
        files = _files(events, pattern)
        current, why = run.begin(FOLDER, files, fresh=fresh)
        lines = run.read(current)
        console.print(f"{', '.join(file.name for file in files)}: {len(lines)} lines; {why}")
        if stack.real_model:
            console.print(f"the real model answers, at {stack.real_model}")
        if not current.sent:
            stack.clear()
        current.save(FOLDER)
        stack.start(knobs=LIFELIKE, together=together)
        console.print(f"the Pulumi program's stack `local` is up on emulators ({time.monotonic() - began:.1f} s)")
        with console.status("sending") as status:

            def progress(sent: int, done: int, world: World) -> None:
                status.update(
                    f"{sent}/{len(lines)} sent, {done} with their verdicts, {len(world.markers)} events committed, "
                    f"{len(world.decisions)} answers, {len(world.dead)} dead-lettered"
                )

            world = asyncio.run(run.play(stack, current, lines, rate=rate, progress=progress))
        stats = _stats(stack)
        current.finished = True
        current.save(FOLDER)
    result = report.make(lines, world, current.sent, stats, time.monotonic() - began)
    show.show(result, console)
    raise typer.Exit(0 if result.ok else 1)


def _files(events: Path | None, pattern: str) -> Sequence[Path]:
    if events is not None:
        return (events,)
    return (samples.of_pattern(pattern, PATTERNS),) if pattern else samples.everything(PATTERNS)


def _stats(stack: Stack) -> dict[str, object]:
    """What the model stand-in counted; a real model counts nothing for us."""
    if "model" not in stack.processes.children:
        return {}
    url = stack.addresses.model_url.removesuffix("/v1") + "/_standin/stats"
    key = stack.addresses.model_key
    answer = httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=5)
    answer.raise_for_status()
    return dict(answer.json())

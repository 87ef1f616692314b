"""All apps in one process, or each in its own as in Azure: the same comes out."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from local.demo import run, samples
from local.demo.listeners import Listeners
from local.demo.verdicts import stories
from local.stack import Stack


def played(folder: Path, *, together: bool) -> tuple[int, Counter[tuple[str, ...]]]:
    """How many processes host the apps, and how often each verdict was given where."""
    stack = Stack(folder, say=lambda _: None)
    current = run.Run.of(samples.SAMPLES / "inference.jsonl")
    lines = run.read(current)
    try:
        stack.start(together=together)
        hosts = sum(name.startswith("host") for name in stack.processes.children)
        world = asyncio.run(run.play(stack, current, lines, rate=60, progress=lambda *_: None))
    finally:
        stack.stop()
    found = (one for story in stories(lines, world, Listeners()) for one in story.all)
    return hosts, Counter((one.pattern, one.subscription, one.type, *(v.kind for v in one.verdicts)) for one in found)


@pytest.mark.slow
def test_one_process_for_all_apps_gives_the_same_verdicts_as_one_for_each(tmp_path: Path) -> None:
    apart = played(tmp_path / "apart", together=False)
    together = played(tmp_path / "together", together=True)

    assert apart[1] == together[1]
    assert together[0] == 1
    assert apart[0] == len(Listeners().patterns)

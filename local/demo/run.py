"""lines -> broker -> (the services) -> stores -> verdicts: one run, which a crash interrupts and the next call resumes.

`.local/run.json` says which file a run is about and how far it came. A line is sent before it is noted as sent: after a
crash it may be sent twice, and the broker's duplicate detection or an inbox drops the second.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from azure.core.exceptions import AzureError
from azure.cosmos.exceptions import CosmosResourceExistsError
from azure.servicebus.exceptions import MessageSizeExceededError

from local.demo.lines import Line, read_lines
from local.demo.verdicts import Stores, World
from local.stack import ROOT, Stack
from services.entities import DATA_CHANGES, DATABASE, REFERENCE
from services.registry import PATTERNS

CATALOGUE = ROOT / "samples" / "reference.jsonl"
SAMPLES = ROOT / "samples" / "events.jsonl"
AT_ONCE = 10
"""Lines that are sent together."""
PATIENCE = 0.3
"""Seconds until who is patient tries again."""
STALLED = 25.0
"""Seconds without any change after which no further verdict is expected."""


@dataclass
class Run:
    """What is remembered of a run."""

    id: str
    file: str
    content: str
    sent: dict[int, float] = field(default_factory=dict[int, float])
    refused: dict[int, str] = field(default_factory=dict[int, str])
    finished: bool = False

    def save(self, folder: Path) -> None:
        beside = folder / "run.json.new"
        beside.write_text(json.dumps(asdict(self)))
        beside.replace(folder / "run.json")

    @classmethod
    def load(cls, folder: Path) -> "Run | None":
        """The run that was remembered last, if any; what cannot be read is no run."""
        with suppress(OSError, ValueError, TypeError):
            run = cls(**json.loads((folder / "run.json").read_text()))
            run.sent = {int(number): at for number, at in run.sent.items()}
            run.refused = {int(number): why for number, why in run.refused.items()}
            return run
        return None


def begin(folder: Path, file: Path, *, fresh: bool) -> tuple[Run, str]:
    """The run to go on with, and why it is that one: resumed if it was cut off, else a new one."""
    content = ""
    with suppress(OSError):  # `read` says what is wrong with it
        content = sha256(file.read_bytes()).hexdigest()[:16]
    last = Run.load(folder)
    new = Run(uuid4().hex[:8], str(file), content)
    if fresh:
        return new, "a fresh start, as asked for"
    if last is None:
        return new, "a fresh start"
    if last.finished:
        return new, "a fresh start: the last run was finished"
    if (last.file, last.content) != (str(file), content):
        return new, "a fresh start: the last run was about another file"
    return last, f"resumed: the last run was cut off after {len(last.sent)} lines were sent"


async def play(
    stack: Stack,
    run: Run,
    lines: Sequence[Line],
    *,
    rate: float,
    progress: Callable[[int, int, World], None],
    patient: bool = False,
) -> World:
    """Send what is not sent, wait until every line has its verdict, and return what the stores say in the end.

    `patient` goes on where a process of the stack is gone: somebody kills it on purpose, and will start it again.
    """
    async with stack.cosmos() as cosmos, stack.bus() as bus:
        reference = cosmos.get_database_client(DATABASE).get_container_client(REFERENCE.name)
        for text in CATALOGUE.read_text().splitlines():
            with suppress(CosmosResourceExistsError):
                await reference.create_item(json.loads(text))
        stores = Stores(bus, cosmos)
        containers = tuple({c.name: c for p in PATTERNS for c in p.keeps if c.expires}.values())
        subscriptions = tuple(s for p in PATTERNS for s in p.listens)
        sending = asyncio.create_task(_send(stack, run, lines, rate, patient=patient))
        last, changed = (-1, -1), time.monotonic()
        while True:
            if not patient:
                stack.processes.check()
            try:
                world = await stores.look(containers, subscriptions, run.refused)
            except AzureError:
                if not patient:
                    raise
                await asyncio.sleep(PATIENCE)
                continue
            done = sum(1 for found in world.verdicts(lines).values() if found)
            progress(len(run.sent) + len(run.refused), done, world)
            if sending.done():
                sending.result()
                if done == len(lines) and world.settled:
                    return world
            if (done, world.waiting) != last or not sending.done():
                last, changed = (done, world.waiting), time.monotonic()
            elif time.monotonic() - changed > STALLED:
                return world
            await asyncio.sleep(0.25)


async def _send(stack: Stack, run: Run, lines: Sequence[Line], rate: float, *, patient: bool) -> None:
    """Send what is not sent, again where the broker went away meanwhile."""
    while waiting := [line for line in lines if line.number not in run.sent and line.number not in run.refused]:
        try:
            await _send_in_order(stack, run, waiting, rate)
        except AzureError:
            if not patient:
                raise
            await asyncio.sleep(PATIENCE)


async def _send_in_order(stack: Stack, run: Run, waiting: Sequence[Line], rate: float) -> None:
    """Send the lines in order, so many a second, as a business would."""
    async with stack.bus() as bus, bus.get_topic_sender(DATA_CHANGES.name) as sender:
        for start in range(0, len(waiting), AT_ONCE):
            began = time.monotonic()
            for line in waiting[start : start + AT_ONCE]:
                at = time.time()
                try:
                    await sender.send_messages(line.message())
                except MessageSizeExceededError:
                    run.refused[line.number] = "by the broker: larger than Service Bus takes"
                else:
                    run.sent[line.number] = at
            run.save(stack.folder)
            await asyncio.sleep(max(0.0, AT_ONCE / rate - (time.monotonic() - began)))


def read(run: Run) -> list[Line]:
    return read_lines(Path(run.file), run.id)

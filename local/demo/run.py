"""lines -> doors -> (the services) -> stores -> verdicts: one run, which a crash interrupts and the next call resumes.

`.local/run.json` says which files a run is about and how far it came. A line is sent before it is noted as sent: after
a crash it may be sent twice, and the broker's duplicate detection or an inbox drops the second.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
from azure.core.exceptions import AzureError
from pydantic import TypeAdapter

from local.demo.doors import DatabaseDoor, Doors, HttpDoor, Refused, TopicDoor
from local.demo.lines import Line, read_lines
from local.demo.listeners import Listeners
from local.demo.samples import load_documents
from local.demo.stores import Stores
from local.demo.verdicts import stories
from local.demo.world import Entry, World
from local.stack import Stack
from services.entities import DATA_CHANGES, DATABASE

AT_ONCE = 10
"""Lines that are sent together."""
PATIENCE = 0.3
"""Seconds until who is patient tries again."""
STALLED = 25.0
"""Seconds without any change after which no further verdict is expected."""
PAUSE = 0.25
"""Seconds between two looks."""
BUSY = 5
"""How many times as long as a look takes is paused after it: looking must not be what the machine is busy with."""


@dataclass
class Run:
    """What is remembered of a run."""

    id: str
    files: list[str]
    content: str
    sent: dict[int, float] = field(default_factory=dict[int, float])
    entries: dict[int, Entry] = field(default_factory=dict[int, Entry])
    refused: dict[int, str] = field(default_factory=dict[int, str])
    finished: bool = False

    @classmethod
    def of(cls, *files: Path) -> "Run":
        """A new run; `read` says what is wrong with a file."""
        digest = sha256()
        for file in files:
            with suppress(OSError):
                digest.update(file.read_bytes())
        return cls(uuid4().hex[:8], [str(file) for file in files], digest.hexdigest()[:16])

    def save(self, folder: Path) -> None:
        beside = folder / "run.json.new"
        beside.write_bytes(TypeAdapter(Run).dump_json(self))
        beside.replace(folder / "run.json")

    @classmethod
    def load(cls, folder: Path) -> "Run | None":
        """The run that was remembered last, if any; what cannot be read is no run."""
        with suppress(OSError, ValueError):
            return TypeAdapter(Run).validate_json((folder / "run.json").read_bytes())
        return None

    def is_over(self, line: Line) -> bool:
        """Whether the door has had this line."""
        return line.number in self.sent or line.number in self.refused


def begin(folder: Path, files: Sequence[Path], *, fresh: bool) -> tuple[Run, str]:
    """The run to go on with, and why it is that one: resumed if it was cut off, else a new one."""
    last, new = Run.load(folder), Run.of(*files)
    if fresh:
        return new, "a fresh start, as asked for"
    if last is None:
        return new, "a fresh start"
    if last.finished:
        return new, "a fresh start: the last run was finished"
    if (last.files, last.content) != (new.files, new.content):
        return new, "a fresh start: the last run was about another file"
    return last, f"resumed: the last run was cut off after {len(last.sent)} lines were sent"


def read(run: Run) -> list[Line]:
    return read_lines([Path(file) for file in run.files], run.id)


async def play(
    stack: Stack,
    run: Run,
    lines: Sequence[Line],
    *,
    rate: float,
    progress: Callable[[int, int, World], None],
    patient: bool = False,
    listeners: Listeners | None = None,
) -> World:
    """Send what is not sent, wait until every line has its verdicts, and return what the stores say in the end.

    `patient` goes on where a process of the stack is gone: somebody kills it on purpose, and will start it again.
    """
    listeners = listeners or Listeners()
    async with stack.cosmos() as cosmos, stack.bus() as bus:
        await load_documents(cosmos, [each["id"] for each in stack.plan.containers[DATABASE]])
        stores, told = Stores(bus, cosmos, listeners.patterns), _Told()
        sending = asyncio.create_task(_send_all(stack, run, lines, rate, listeners, told, patient=patient))
        try:
            return await _watch(stack, run, lines, stores, told, sending, progress, listeners, patient=patient)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@dataclass
class _Told:
    """What the looks found so far: who has to wait for it, reads it here."""

    looks: int = 0
    lines: int = 0
    events: int = 0
    missing: int = 0
    by_itself: int = 0
    """In which look all that came in by itself had its verdict last."""
    quiet: dict[str, int] = field(default_factory=dict[str, int])
    """By subject: in which look its sent lines had all their verdicts last, and all that followed from them."""

    async def until(self, seen: Callable[[], int]) -> None:
        """Wait until a look that has not begun yet finds it, or for as long as one waits for a verdict."""
        now, until = self.looks, time.monotonic() + STALLED
        while seen() <= now and time.monotonic() < until:  # noqa: ASYNC110 - the looks come at their own pace
            await asyncio.sleep(PAUSE / 5)


async def _watch(
    stack: Stack,
    run: Run,
    lines: Sequence[Line],
    stores: Stores,
    told: _Told,
    sending: "asyncio.Task[None]",
    progress: Callable[[int, int, World], None],
    listeners: Listeners,
    *,
    patient: bool,
) -> World:
    """Look until all is told and nothing is on its way, or nothing has changed for too long."""
    last, changed = (-1, -1), time.monotonic()
    while True:
        if not patient:
            stack.processes.check()
        began = time.monotonic()
        try:
            all_sent = sending.done()
            world = await _look(stores, run, lines, listeners, told)
        except AzureError:
            if not patient:
                raise
            await asyncio.sleep(PATIENCE)
            continue
        progress(len(run.sent) + len(run.refused), told.lines, world)
        if all_sent:
            sending.result()
            if told.missing == 0 and world.settled:
                return world
        if (told.events, told.missing) != last or not all_sent:
            last, changed = (told.events, told.missing), time.monotonic()
        elif time.monotonic() - changed > STALLED:
            return world
        await asyncio.sleep(max(PAUSE, BUSY * (time.monotonic() - began)))


async def _look(stores: Stores, run: Run, lines: Sequence[Line], listeners: Listeners, told: _Told) -> World:
    told.looks += 1
    look, sent = told.looks, {line.number for line in lines if run.is_over(line)}
    world = await stores.look(run.entries, run.refused)
    found = stories(lines, world, listeners)
    told.lines = sum(story.is_told for story in found if story.line)
    told.events = sum(len(story.all) for story in found)
    told.missing = sum(not one.verdicts for story in found for one in story.all)
    if all(story.is_told for story in found if not story.line):
        told.by_itself = look
    loud = {_subject(story.line) for story in found if story.line and story.line.number in sent and not story.is_told}
    told.quiet.update(dict.fromkeys({_subject(line) for line in lines} - loud, look))
    if told.missing:
        return world
    outbox, waiting = await stores.on_its_way()
    return replace(world, outbox=outbox, waiting=waiting)


def _file(line: Line) -> str:
    return line.place.rpartition(" ")[0]


def _subject(line: Line) -> str:
    """The document that a line writes; else its file."""
    if line.kind == "write":
        with suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line.text)["document"]["id"])
    return _file(line)


# -- sending -----------------------------------------------------------------------------------------------------------


async def _send_all(
    stack: Stack, run: Run, lines: Sequence[Line], rate: float, listeners: Listeners, told: _Told, *, patient: bool
) -> None:
    """Each file by itself, all at once: where one waits, the others go on. First of all, what was there already has
    been seen by whoever reads a change feed.
    """
    await told.until(lambda: told.by_itself)
    by_file: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_file[_file(line)].append(line)
    files = by_file.values()
    await asyncio.gather(*(_send(stack, run, some, rate, listeners, told, patient=patient) for some in files))


async def _send(
    stack: Stack, run: Run, lines: Sequence[Line], rate: float, listeners: Listeners, told: _Told, *, patient: bool
) -> None:
    """Send what is not sent, again where a process went away meanwhile."""
    while waiting := [line for line in lines if not run.is_over(line)]:
        try:
            async with _doors(stack, listeners) as doors:
                await _send_in_order(stack, run, waiting, rate, doors, told)
        except (AzureError, httpx.TransportError):
            if not patient:
                raise
            await asyncio.sleep(PATIENCE)


@asynccontextmanager
async def _doors(stack: Stack, listeners: Listeners) -> AsyncGenerator[Doors]:
    async with (
        stack.bus() as bus,
        bus.get_topic_sender(DATA_CHANGES.name) as sender,
        stack.cosmos() as cosmos,
        httpx.AsyncClient(timeout=30) as client,
    ):
        http, database = HttpDoor(client, stack, listeners), DatabaseDoor(cosmos, listeners.patterns)
        yield Doors(TopicDoor(sender), http, database, listeners)


async def _send_in_order(
    stack: Stack, run: Run, waiting: Sequence[Line], rate: float, doors: Doors, told: _Told
) -> None:
    """Send the lines in order, so many a second, as a business would; who writes a document again has seen before what
    became of the last write, or a change feed would show several changes as one.
    """
    for start in range(0, len(waiting), AT_ONCE):
        began = time.monotonic()
        for line in waiting[start : start + AT_ONCE]:
            if line.kind == "write":
                run.save(stack.folder)
                subject = _subject(line)
                await told.until(lambda subject=subject: told.quiet.get(subject, 0))
            await _send_one(run, line, doors)
        run.save(stack.folder)
        await asyncio.sleep(max(0.0, AT_ONCE / rate - (time.monotonic() - began)))


async def _send_one(run: Run, line: Line, doors: Doors) -> None:
    at = time.time()
    try:
        entry = await doors.of(line).take(line)
    except Refused as refused:
        run.refused[line.number] = str(refused)
        return
    if entry:
        run.entries[line.number] = entry
    run.sent[line.number] = at

"""kill -9 in the middle of everything, restart, and look at the world: nothing lost, nothing done twice.

Each seed plays the samples, and while messages are in flight kills the host, an emulator, or all of them. After the
restart every line must have exactly one verdict, each published event must have arrived once, and the model must not
have been asked again what the ledger already knew.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from azure.servicebus import ServiceBusReceiveMode

from local.demo import run, samples
from local.demo.lines import Line
from local.demo.listeners import Listeners
from local.demo.verdicts import stories
from local.demo.world import World
from local.provision import Plan
from local.servicebus.config import Config, Subscription, Topic
from local.stack import Stack
from services.entities import INSIGHTS

WITNESS = "witness"
"""A subscription that exists here only: it gets every insight, so that a second copy would be seen."""
VICTIMS = ("host", "servicebus", "cosmos", "all")
WINDOW = timedelta(minutes=10)
LATENCY = "0.15"
"""Seconds that the stand-in takes for an answer: there is always something in flight."""
AT_ONCE = 16
"""Calls that can be between answer and ledger write when a crash comes: host.json's limit."""


@dataclass(frozen=True)
class Result:
    """One seed: what was killed, with how much in flight, and what is wrong with the world afterwards."""

    seed: int
    victims: tuple[str, ...]
    in_flight: tuple[int, ...]
    extra_calls: int
    problems: tuple[str, ...]
    seconds: float

    @property
    def counts(self) -> bool:
        """Whether something was in flight at every kill; a run without says nothing."""
        return all(self.in_flight)


def play(seed: int, lines_file: Path = samples.EVENTS, *, say: Callable[[str], None] = print) -> Result:
    """One run with one to three kills."""
    chance = random.Random(seed)
    began = time.monotonic()
    with TemporaryDirectory(prefix="kills-") as folder:
        stack = Stack(Path(folder), say=lambda _: None)
        current = run.Run(f"s{seed}", [str(lines_file)], "")
        lines = run.read(current)
        victims = tuple(chance.choice(VICTIMS) for _ in range(chance.randint(1, 3)))
        say(f"seed {seed}: kills {', '.join(victims)}")
        try:
            stack.start(env={"LATENCY": LATENCY}, change=_with_witness)
            world, in_flight = asyncio.run(_run(stack, current, lines, victims, chance))
            insights = asyncio.run(_witnessed(stack))
            calls = _calls(stack.folder / "state" / "model.jsonl")
        finally:
            stack.stop()
    problems = [
        *_wrong_verdicts(lines, world),
        *_twice(insights),
        *_asked_again(calls, world, kills=len(victims)),
        *_missing_insights(insights, world),
    ]
    extra = len(calls) - sum(decision["calls"] for decision in world.decisions)
    return Result(seed, victims, tuple(in_flight), extra, tuple(problems), time.monotonic() - began)


async def _run(
    stack: Stack, current: run.Run, lines: Sequence[Line], victims: Sequence[str], chance: random.Random
) -> tuple[World, list[int]]:
    in_flight: list[int] = []
    now: dict[str, int] = {"flying": 0, "done": 0}

    def progress(sent: int, done: int, _world: World) -> None:
        now.update(flying=sent - done, done=done)

    playing = asyncio.create_task(run.play(stack, current, lines, rate=60, progress=progress, patient=True))
    for victim in victims:
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        until = time.monotonic() + 20
        while now["flying"] <= 0 and not playing.done() and time.monotonic() < until:
            await asyncio.sleep(0.02)
        in_flight.append(max(0, now["flying"]))
        hosts = [name for name in stack.processes.children if name.startswith("host")]
        names = {"all": ["servicebus", "cosmos", *hosts], "host": hosts}.get(victim, [victim])
        await asyncio.to_thread(stack.crash, names)
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(stack.revive, names)
    return await playing, in_flight


def _with_witness(plan: Plan) -> Plan:
    """The same plan with one more listener on `insights`, and with Azure's window for duplicates.

    The stack `local` forgets message ids within seconds, so that the demo can show what happens then; a published event
    that comes again after that is for its consumer's inbox to recognise, and the witness has none.
    """
    topics = tuple(_watched(topic) for topic in plan.bus.namespace.topics)
    return replace(plan, bus=Config.of(queues=plan.bus.namespace.queues, topics=topics))


def _watched(topic: Topic) -> Topic:
    properties = topic.properties.model_copy(update={"duplicate_detection_history_time_window": WINDOW})
    witness = (Subscription(name=WITNESS),) if topic.name == INSIGHTS.name else ()
    return topic.model_copy(update={"properties": properties, "subscriptions": (*topic.subscriptions, *witness)})


async def _witnessed(stack: Stack) -> list[str]:
    """The message ids of all insights, as they arrived."""
    ids: list[str] = []
    async with (
        stack.bus() as bus,
        bus.get_subscription_receiver(
            INSIGHTS.name, WITNESS, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE
        ) as receiver,
    ):
        while messages := await receiver.receive_messages(max_message_count=200, max_wait_time=1):
            ids += [str(message.message_id) for message in messages]
    return ids


def _calls(journal: Path) -> list[Mapping[str, Any]]:
    return [cast("Mapping[str, Any]", json.loads(line)) for line in journal.read_text().splitlines()]


def _wrong_verdicts(lines: Sequence[Line], world: World) -> list[str]:
    """Every event at every listener that it reached, from each line on."""
    return [
        f"{f'line {story.line.number}' if story.line else 'by itself'}: {one.type} {one.key} at "
        f"{one.pattern}/{one.subscription} has {[verdict.kind for verdict in one.verdicts]}"
        for story in stories(lines, world, Listeners())
        for one in story.all
        if not one.is_right
    ]


def _twice(insights: Sequence[str]) -> list[str]:
    return [f"insight {name} arrived {count} times" for name, count in Counter(insights).items() if count > 1]


def _missing_insights(insights: Sequence[str], world: World) -> list[str]:
    """Each marker names what it announced: that much, and no more, must have arrived."""
    announced = [one for markers in world.markers.values() for marker in markers for one in marker["announced"]]
    due = [one for one in announced if one["topic"] == INSIGHTS.name and "at" not in one]
    arrived = len(set(insights))
    return [] if arrived == len(due) else [f"{len(due)} insights were announced, {arrived} arrived"]


def _asked_again(calls: Sequence[Mapping[str, Any]], world: World, *, kills: int) -> list[str]:
    """No call about an event after its answer was recorded; at most one more per crash before."""
    recorded = {(entry["event_key"], entry["question"]): _moment(entry["at"]) for entry in world.decisions}
    asked: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for call in calls:
        if call["outcome"] == "answered" and not call["repair"]:
            asked[call["event"], call["question"]].append(_moment(call["at"]))
    problems = [
        f"{event} was asked {question} again after its answer was recorded"
        for (event, question), moments in asked.items()
        if (event, question) in recorded and max(moments) > recorded[event, question]
    ]
    problems += [
        f"{event} was asked {question} {len(moments)} times with {kills} crashes"
        for (event, question), moments in asked.items()
        if len(moments) > 1 + kills
    ]
    extra = sum(len(moments) - 1 for moments in asked.values())
    if extra > kills * AT_ONCE:
        problems.append(f"{extra} more calls than questions after {kills} crashes with {AT_ONCE} in flight each")
    return problems


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""Random schedules of restarts: nothing is lost, nothing is outside a rule, nothing comes twice but what is explained.

A schedule is a seed: one customer with rules of their own, some messages, and a process that dies after steps drawn at
random, the sending itself among them. A repeated message is allowed only where the process died between the channel's
yes and the commit; each such case is counted and printed.
"""

import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from local.mailbox.server import Mailbox
from services.notifications import channels
from services.notifications.directory import customer
from services.notifications.handler import SERVICE
from tests.services.events import cloud_event, message
from tests.services.kernel.test_crashes import STEPS, Step, dying_after
from tests.services.notifications.conftest import Clock
from tests.services.notifications.things import NOON, connect, deliveries, entry, know, message_for
from tests.services.world import Died, NewWorld, World

SEND: Step = (channels, "send")
EVERY_STEP = {**STEPS, "send": SEND}
IN_A_WORLD = 15


@dataclass
class Deaths:
    """When the process dies: after so many steps of any kind, and again after so many more; and after a sending."""

    after: list[int]
    sendings: int
    """It dies after this one, if there are as many; 0: after none, but by chance."""
    repeatable: Counter[str] = field(default_factory=Counter[str])
    """Deaths between the channel's yes and the commit, by idempotency key."""
    count: int = 0

    def step(self, name: str, arguments: tuple[Any, ...]) -> None:
        dies = False
        if self.after:
            self.after[0] -= 1
            if dies := self.after[0] <= 0:
                self.after.pop(0)
        if name == "send" and self.sendings:
            self.sendings -= 1
            dies = dies or not self.sendings
        if dies:
            self.count += 1
            if name == "send":
                self.repeatable[arguments[0].key] += 1
            raise Died


@contextmanager
def mortal(deaths: Deaths) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for label, (owner, name) in EVERY_STEP.items():
            patch.setattr(owner, name, _mortal(getattr(owner, name), label, deaths))
        yield


def _mortal(original: Any, label: str, deaths: Deaths) -> Any:
    async def waiting(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        deaths.step(label, arguments)
        return result

    def direct(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        deaths.step(label, arguments)
        return result

    return waiting if inspect.iscoroutinefunction(original) else direct


async def until_quiet(world: World) -> None:
    """Processes that follow each other until nothing is left to do."""
    while True:
        process = world.start(SERVICE)
        try:
            await world.drain(process, patience=0.03)
            await process.sweep_outbox()
            if not await world.drain(process, patience=0.03):
                return
        except Died:
            continue


async def play(world: World, mailbox: Mailbox, at: Clock, seed: int) -> Deaths:
    """One schedule, and what must be true after it."""
    chance, who = Random(seed), customer(f"C-{seed}")
    at.now = NOON
    cap, digest = chance.choice([1, 2, 20]), chance.choice(["never", "when_busy", "always"])
    quiet = chance.choice([None, {"from": "18:00", "to": "07:00"}, {"from": "12:30", "to": "15:00"}])
    await know(world, entry(who, role="customer", daily_cap=cap, digest=digest, quiet=quiet, time_zone="Europe/Berlin"))
    count = chance.randint(2, 4)
    events = [
        message_for(
            who, chance.choice(["notification", "urgent_notification"]), dedupe=f"d-{n}", category="refunds",
            urgency=chance.choice(["normal", "normal", "digest"]),
        )
        for n in range(count)
    ]  # fmt: skip
    repeated = [chance.choice(events)] if chance.random() < 0.5 else []
    told = []
    if seed % 5 == 0:  # the whole road, with the model
        paid = {"case_id": f"R-{seed}", "order_id": "O-1", "customer_id": f"C-{seed}", "amount": "1.00"}
        told = [cloud_event("refund_paid", paid)]
    deaths = Deaths([chance.randint(1, 25) for _ in range(chance.randint(1, 4))], sendings=chance.randint(0, 2))

    # when: midday; the afternoon, when quiet hours may be over; the next morning, when digests are due
    with mortal(deaths):
        await world.send(*map(message, events + repeated), topic="notifications")
        await world.send(*map(message, told), topic="entity-events")
        if quiet and quiet["from"] == "12:30":
            at.move(minutes=125)  # deferred messages would come again and again while it is quiet
        await until_quiet(world)
        at.now = NOON + timedelta(hours=19)
        due = cloud_event("digest_due", {"at": at.now.isoformat()})
        await world.send(message(due), topic="insights")
        await until_quiet(world)

    # then: each message has one end
    mine = [each for each in await deliveries(world) if each["notification"]["recipient_id"] == entry(who)["id"]]
    single = [each for each in mine if each["notification"]["category"] != "digest"]
    flushed = [item for each in mine for item in each["items"]]
    assert len(single) == count + len(told), "lost, or made up"
    assert all(each["status"] in ("sent", "suppressed", "digested") for each in mine), [e["status"] for e in mine]
    digested = {each["id"] for each in single if each["status"] == "digested"}
    assert sorted(flushed) == sorted(digested), "each is in one digest"
    assert not await world.parked()
    assert not await world.documents("notifications", "outbox")

    # then: what was sent was allowed, and came once for each death that allows one more
    keys = Counter(mail.key for mail in mailbox.mail(recipient=f"{who}@shop.example"))
    sent = {each["id"] for each in mine if each["status"] == "sent"}
    assert set(keys) == sent, "sent without a record, or a record without a message"
    assert len(sent & {each["id"] for each in single}) <= cap, "more than the daily cap"
    if digest == "never":
        assert not digested
    for key, times in keys.items():
        assert times <= 1 + deaths.repeatable[key], f"{key} came {times} times"
    for key, times in deaths.repeatable.items():
        print(  # noqa: T201 - each repetition is explained
            f"seed {seed}: {key} came {keys[key]} times: {times} deaths between the channel's yes and the commit"
        )
    return deaths


async def played(new_world: NewWorld, mailbox: Mailbox, at: Clock, seeds: range) -> tuple[int, int]:
    deaths = repeated = 0
    for start in range(seeds.start, seeds.stop, IN_A_WORLD):
        async with new_world() as world:
            connect(world, mailbox)
            world.set(Outbox__olderThanSeconds=0.001, Retry__baseSeconds="0.01")
            for seed in range(start, min(start + IN_A_WORLD, seeds.stop)):
                one = await play(world, mailbox, at, seed)
                deaths, repeated = deaths + one.count, repeated + sum(one.repeatable.values())
    print(  # noqa: T201 - and counted
        f"{len(seeds)} schedules, {deaths} deaths, {repeated} of them between a channel's yes and its commit"
    )
    return deaths, repeated


async def test_thirty_schedules_of_restarts(new_world: NewWorld, mailbox: Mailbox, at: Clock) -> None:
    deaths, repeated = await played(new_world, mailbox, at, range(30))

    assert deaths >= 30
    assert repeated >= 5, "few schedules have died at the one place where a message repeats: this test proves little"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(30, 530, 50))
async def test_five_hundred_schedules_of_restarts(new_world: NewWorld, mailbox: Mailbox, at: Clock, first: int) -> None:
    deaths, repeated = await played(new_world, mailbox, at, range(first, first + 50))

    assert deaths >= 50
    assert repeated >= 10


@pytest.mark.parametrize("step", EVERY_STEP.values(), ids=EVERY_STEP.keys())
async def test_a_crash_after_any_step_leaves_no_trace_but_a_message_under_the_same_key(
    new_world: NewWorld, mailbox: Mailbox, at: Clock, step: Step
) -> None:
    # given: what is there without a crash
    paid = {"case_id": "R-1", "order_id": "O-1", "customer_id": "C-1", "amount": "1.00"}
    event = cloud_event("refund_paid", paid)
    known = entry(customer("C-1"), role="customer")
    async with new_world() as calm:
        connect(calm, mailbox)
        await know(calm, known)
        await calm.send(message(event), topic="entity-events")
        await until_quiet(calm)
        expected = await everything(calm)
    mailbox.clear()

    # when
    async with new_world() as world:
        connect(world, mailbox)
        world.set(Outbox__olderThanSeconds=0.001)
        await know(world, known)
        await world.send(message(event), topic="entity-events")
        with dying_after(step):
            await world.drain(world.start(SERVICE))
        await until_quiet(world)
        found, calls = await everything(world), world.model.stats().calls

    # then
    assert found == expected
    assert calls == (3 if step is STEPS["call the model"] else 2)
    assert len({mail.key for mail in mailbox.mail()}) == 1
    assert len(mailbox.mail()) == (2 if step is SEND else 1)


async def everything(world: World) -> list[dict[str, Any]]:
    documents = await world.documents("notifications")
    assert not await world.parked()
    return [{**each, "at": ""} for each in documents]

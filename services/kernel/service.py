"""message -> event -> handler -> commit -> publish: the road every event takes, in every pattern.

Read `deliver` first. What it calls stands beside it in services/kernel, one idea a file.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.entities import DEAD_LETTERS
from services.kernel import connections, telemetry
from services.kernel.ask import Asker
from services.kernel.backlog import measure
from services.kernel.budget import Budget
from services.kernel.commit import AlreadyDone, Home, OutboxRecord, commit, find_marker
from services.kernel.delivery import Delivery, ServiceBusMessage
from services.kernel.effects import Effects
from services.kernel.event import Envelope, Event, EventData, open_envelope, understand
from services.kernel.ledger import Ledger
from services.kernel.llm import LanguageModel
from services.kernel.locks import KeyedLocks
from services.kernel.message import parked, retry_copy
from services.kernel.outbox import leftovers, publish
from services.kernel.outcome import Conflict, Park, Retry
from services.kernel.ports import Ports
from services.kernel.publisher import Publisher
from services.kernel.settings import Settings, settings
from services.kernel.store import Store
from services.kernel.topology import Subscription, Topology

D = TypeVar("D", bound=EventData)

CONFLICTS = 5
"""How often an event is decided again at once because somebody else wrote first, before it waits its turn."""

LONGEST_ASKED = 24 * 3600.0
"""Seconds that an event waits at most when it is asked to: who asks for more is mistaken."""


@dataclass(frozen=True)
class Reaction(Generic[D]):
    """On this event, in that partition, do this."""

    event: type[D]
    home: Callable[[D], Home]
    handle: Callable[[Event[D], Ports], Awaitable[Effects]]


@dataclass(frozen=True)
class _Outside:
    """The clients of one process, opened at the first event."""

    store: Store
    publisher: Publisher
    asker: Asker | None
    budget: Budget
    settings: Settings


class Service:
    """One pattern, running."""

    def __init__(self, topology: Topology, reactions: Sequence[Reaction[Any]]) -> None:
        self.topology = topology
        self._reactions = {reaction.event.TYPE: reaction for reaction in reactions}
        self._in_hand = KeyedLocks()
        self._opened: _Outside | None = None

    @property
    def event_types(self) -> set[str]:
        """What this service reacts to."""
        return set(self._reactions)

    async def deliver(self, message: ServiceBusMessage, subscription: Subscription) -> None:
        """Deal with one message: it ends committed, scheduled again or parked; returning completes it.

        An exception means that not even that was possible; the host abandons the message, the broker delivers it again.
        """
        outside = self._outside()
        delivery = Delivery.of(message)
        with telemetry.consumer_span(delivery, subscription) as span:
            envelope: Envelope | None = None
            outcome, note = "done", ""
            try:
                envelope = open_envelope(delivery)
                async with self._in_hand.hold(envelope.key):
                    outcome = await self._react(outside, envelope, delivery, subscription)
            except Retry as retry:
                outcome, note = "retry", str(retry)
                await self._try_later(outside, envelope, delivery, subscription, retry)
            except Park as park:
                outcome, note = "park", str(park)
                await self._park(outside, envelope, delivery, subscription, park)
            telemetry.settled(span, delivery, envelope.type if envelope else "unreadable", outcome, note)

    async def sweep_outbox(self) -> None:
        """Publish what a crash left in the outbox, and return budget that nobody uses."""
        outside = self._outside()
        for container in self.topology.keeps:
            if container.expires:
                left = await leftovers(outside.store, container, outside.settings.outbox.older_than)
                await asyncio.gather(*(self._publish(outside, [record]) for record in left))
        await outside.budget.give_back()

    async def measure_backlog(self) -> None:
        """Record age and depth of what waits at each subscription of this service."""
        async with connections.service_bus() as client:
            for subscription in self.topology.listens:
                age, depth = await measure(client, subscription)
                telemetry.backlog(subscription, age, depth)

    async def _react(
        self, outside: _Outside, envelope: Envelope, delivery: Delivery, subscription: Subscription
    ) -> str:
        reaction = self._reactions.get(envelope.type)
        if reaction is None or envelope.type not in subscription.event_types:
            raise Park(
                "unknown-type",
                f"{subscription.name} does not know {envelope.type!r}; it knows {', '.join(subscription.event_types)}",
            )
        event = understand(envelope, reaction.event)
        home = reaction.home(event.data)
        if await find_marker(outside.store, home, subscription, event):
            return "duplicate"
        ports = Ports(event, home, outside.store, outside.asker, delivery.attempt >= outside.settings.retry.attempts)
        for _ in range(CONFLICTS):
            effects = await reaction.handle(event, ports)
            try:
                records = await commit(outside.store, home, subscription, event, effects, attempt=delivery.attempt)
            except AlreadyDone:
                return "duplicate"
            except Conflict:
                continue
            await self._publish(outside, records)
            return effects.verdict
        raise Retry("contended", f"{home.container.name}/{home.partition} changed {CONFLICTS} times meanwhile")

    async def _publish(self, outside: _Outside, records: Sequence[OutboxRecord]) -> None:
        """What is committed will be published: now, or by the sweep if the broker cannot be reached."""
        try:
            await publish(outside.store, outside.publisher, records)
        except Exception as error:  # noqa: BLE001 - the commit stands, and the outbox remembers
            telemetry.left_in_outbox(error)

    async def _try_later(
        self,
        outside: _Outside,
        envelope: Envelope | None,
        delivery: Delivery,
        subscription: Subscription,
        retry: Retry,
    ) -> None:
        limits = outside.settings.retry
        spent = delivery.spent + retry.spent
        if envelope is None or delivery.attempt >= limits.attempts or spent > limits.tokens:
            used = f"{delivery.attempt} attempts and {spent} tokens"
            exhausted = Park("retries-exhausted", f"{used} were not enough: {retry}")
            exhausted.__cause__ = retry
            await self._park(outside, envelope, delivery, subscription, exhausted)
            return
        wait = min(limits.cap, limits.base * 2 ** (delivery.attempt - 1))
        if retry.after is not None:
            wait = min(LONGEST_ASKED, retry.after)
        wait *= random.uniform(1.0, 1.25)
        copy = retry_copy(delivery, subscription, envelope.key, wait=wait, spent=retry.spent)
        await outside.publisher.send(copy.topic, [copy.to_service_bus()])

    async def _park(
        self,
        outside: _Outside,
        envelope: Envelope | None,
        delivery: Delivery,
        subscription: Subscription,
        park: Park,
    ) -> None:
        message = parked(
            delivery,
            subscription,
            reason=park.reason,
            description=park.description,
            error=type(park.__cause__ or park).__name__,
            event=envelope.key if envelope else "",
        )
        await outside.publisher.send(DEAD_LETTERS.name, [message])

    def _outside(self) -> _Outside:
        if self._opened is None:
            config = settings()
            store = Store(connections.cosmos())
            budget = Budget(store, config.budget)
            asker = None
            if self.topology.asks and config.model:
                model = LanguageModel(connections.model(config.model), config.model)
                asker = Asker(Ledger(store, config.model.provider), budget, model)
            publisher = Publisher(connections.service_bus())
            self._opened = _Outside(store, publisher, asker, budget, config)
        return self._opened

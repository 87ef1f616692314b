"""message -> event -> handler -> commit -> publish: the road every event takes, in every pattern.

Read `deliver` first. What it calls stands beside it in services/kernel, one idea a file.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from services.kernel.message import Outgoing, parked, retry_copy
from services.kernel.outbox import leftovers, publish, send
from services.kernel.outcome import Conflict, Park, Retry
from services.kernel.ports import Ports
from services.kernel.publisher import Publisher
from services.kernel.retrying import IN_PLACE, exhausted, gave_up, is_last, wait_after
from services.kernel.settings import Settings, settings
from services.kernel.store import Store
from services.kernel.topology import Subscription, Topology

D = TypeVar("D", bound=EventData)

CONFLICTS = 5
"""How often an event is decided again at once because somebody else wrote first, before it waits its turn."""


@dataclass(frozen=True)
class Reaction(Generic[D]):
    """On this event, in that partition, do this."""

    event: type[D]
    home: Callable[[Event[D]], Home]
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
            try:
                envelope = open_envelope(delivery)
                outcome, note = await self._handle(outside, envelope, delivery, subscription)
            except Park as park:
                outcome, note = "park", str(park)
                await self._park(outside, envelope, delivery, subscription, park)
            telemetry.settled(span, delivery, envelope.type if envelope else "unreadable", outcome, note)

    async def send(self, messages: Iterable[Outgoing]) -> None:
        """Publish what comes in by a door; return when the broker has it all.

        Raises:
            azure.servicebus.exceptions.ServiceBusError: if it has not: the door must say so, or be asked again.
        """
        await send(self._outside().publisher, messages)

    @property
    def documents(self) -> Store:
        """Documents to look at, for a door that answers with what is there."""
        return self._outside().store

    async def sweep_outbox(self) -> None:
        """Publish what a crash left in the outbox."""
        outside = self._outside()
        for container in self.topology.keeps:
            if container.expires:
                left = await leftovers(outside.store, container, outside.settings.outbox.older_than)
                await asyncio.gather(*(self._publish(outside, [record]) for record in left))

    async def measure_backlog(self) -> None:
        """Record age and depth of what waits at each subscription of this service."""
        async with connections.service_bus() as client:
            for subscription in self.topology.listens:
                age, depth = await measure(client, subscription)
                telemetry.backlog(subscription, age, depth)

    async def _handle(
        self, outside: _Outside, envelope: Envelope, delivery: Delivery, subscription: Subscription
    ) -> tuple[str, str]:
        """Outcome and note: done, or scheduled again as a copy."""
        limits = outside.settings.retry
        async with self._in_hand.hold(envelope.key):
            if subscription.topic.sessions:
                return await self._handle_within_lock(outside, envelope, delivery, subscription), ""
            try:
                last = is_last(delivery, limits)
                return await self._react(outside, envelope, delivery, subscription, last_attempt=last), ""
            except Retry as retry:
                if park := exhausted(delivery, retry, limits):
                    raise park from retry
                wait = wait_after(delivery, retry, limits)
                copy = retry_copy(delivery, subscription, envelope.key, wait=wait, spent=retry.spent)
                await outside.publisher.send(copy.topic, [copy.to_service_bus()])
                return "retry", str(retry)

    async def _handle_within_lock(
        self, outside: _Outside, envelope: Envelope, delivery: Delivery, subscription: Subscription
    ) -> str:
        """In a session a copy would be overtaken by what follows: wait here, while the host renews the lock."""
        limits, waited, in_time = outside.settings.retry, 0.0, True
        while True:
            last = is_last(delivery, limits) or not in_time
            try:
                return await self._react(outside, envelope, delivery, subscription, last_attempt=last)
            except Retry as retry:
                if not in_time:
                    raise gave_up(f"{delivery.attempt} attempts within {IN_PLACE:.0f} s", retry) from retry
                if park := exhausted(delivery, retry, limits):
                    raise park from retry
                wait = wait_after(delivery, retry, limits)
                in_time = waited + wait <= IN_PLACE  # else there is one more attempt, at once and the last
                if in_time:
                    await asyncio.sleep(wait)
                    waited += wait
                delivery = replace(delivery, attempt=delivery.attempt + 1, spent=delivery.spent + retry.spent)

    async def _react(
        self,
        outside: _Outside,
        envelope: Envelope,
        delivery: Delivery,
        subscription: Subscription,
        *,
        last_attempt: bool,
    ) -> str:
        reaction = self._reactions.get(envelope.type)
        if reaction is None or envelope.type not in subscription.event_types:
            raise Park(
                "unknown-type",
                f"{subscription.name} does not know {envelope.type!r}; it knows {', '.join(subscription.event_types)}",
            )
        event = understand(envelope, reaction.event)
        home = reaction.home(event)
        if await find_marker(outside.store, home, subscription, event):
            return "duplicate"
        ports = Ports(event, home, outside.store, outside.asker, last_attempt)
        try:
            return await self._decide_and_commit(outside, reaction, ports, subscription, delivery)
        except (Park, Retry):
            raise
        except Exception as error:
            # A fault of ours, or of a store that answers what nobody expected: at the broker it would come back at once
            # and be dead-lettered within a second, without a reason.
            telemetry.fault(error)
            raise Retry("fault", f"{type(error).__name__}: {error}"[:500]) from error

    async def _decide_and_commit(
        self,
        outside: _Outside,
        reaction: Reaction[Any],
        ports: Ports,
        subscription: Subscription,
        delivery: Delivery,
    ) -> str:
        """Load, ask, decide and commit, again where somebody else wrote first."""
        event, home = ports.event, ports.home
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

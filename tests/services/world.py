"""plan -> a namespace, an account and a model -> processes of the services -> what the stores say afterwards

Everything is as the Pulumi program declares it for the stack `local`, and a service connects under its own key: a test
folder names its pattern in the fixture `the_app`; `together` may do what all of them may, for journeys across patterns.
Added are subscriptions to look through: `watcher` gets all of every topic, `second` listens to `data-changes` beside
inference.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.cosmos.aio import CosmosClient, DatabaseProxy
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from local.cosmos.server import CosmosEmulator
from local.host import messages
from local.model.questions import registered_questions
from local.model.server import ModelStandIn
from local.provision import Addresses, App, Plan
from local.servicebus.config import Config, Rule, Subscription
from local.servicebus.server import ServiceBusEmulator
from local.stack import create_containers
from services.entities import DATA_CHANGES, DATABASE, DEAD_LETTERS, DECISIONS, INSIGHTS, ITEMS, REFERENCE
from services.inference.handler import SERVICE
from services.inference.topology import AI_PROCESSOR, TOPOLOGY
from services.kernel import connections
from services.kernel.service import Reaction, Service
from services.kernel.settings import settings
from services.kernel.topology import Topic, Topology

CATALOGUE = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "samples" / "documents" / "reference.jsonl").read_text().splitlines()
]
WATCHER = "watcher"
SECOND = replace(AI_PROCESSOR, name="second")
PATIENCE = 8.0
"""Seconds within which a message that was sent must be there."""
UNKEPT = ("_rid", "_self", "_etag", "_attachments", "_ts", "_lsn")


class Died(BaseException):
    """The process is gone: no `except Exception` of the kernel sees it."""


@dataclass(frozen=True)
class Parked:
    """An entry of `dead-letters` as an operator sees it."""

    reason: str
    description: str
    body: bytes
    message_id: str
    properties: dict[str, Any]


@dataclass
class World:
    """The outside world of one test; `start` begins a fresh process of a service in it, `process` one of inference."""

    plan: Plan
    bus: ServiceBusEmulator
    cosmos: CosmosEmulator
    model: ModelStandIn
    database: DatabaseProxy
    _bus: ServiceBusClient
    _stack: AsyncExitStack
    _environment: pytest.MonkeyPatch
    _receivers: dict[str, ServiceBusReceiver] = field(default_factory=dict)
    _senders: dict[str, ServiceBusSender] = field(default_factory=dict)
    _processes: list[Service] = field(default_factory=list)
    """Kept, or senders would be garbage before their client can close them."""

    # -- what happens ----------------------------------------------------------------------------------------------

    def set(self, **values: object) -> None:
        """Change app settings, as infra spells them; processes that have not opened yet will see them."""
        for name, value in values.items():
            self._environment.setenv(name, str(value))
        settings.cache_clear()

    def setting(self, name: str) -> str:
        return os.environ[name]

    def recover(self) -> None:
        """No fault waits for the account any more."""
        self.cosmos._running().faults.clear()

    def start(self, service: Service) -> Service:
        """A process of this service that knows nothing of earlier ones."""
        return self.process(service.topology, tuple(service._reactions.values()))

    def process(
        self, topology: Topology = TOPOLOGY, reactions: Sequence[Reaction[Any]] = tuple(SERVICE._reactions.values())
    ) -> Service:
        """A process that knows nothing of earlier ones."""
        self._processes.append(Service(topology, reactions))
        return self._processes[-1]

    async def send(self, *sent: ServiceBusMessage, topic: str = DATA_CHANGES.name) -> None:
        if topic not in self._senders:
            self._senders[topic] = await self._stack.enter_async_context(self._bus.get_topic_sender(topic))
        for one in sent:
            await self._senders[topic].send_messages(one)

    async def deliver(
        self, *processes: Service, count: int = 1, to: Any = AI_PROCESSOR
    ) -> list[ServiceBusReceivedMessage]:
        """Deliver the next messages, one after another to the one process, or the next one to each of several at once.

        What raises is abandoned, as the host does and as a lock that expires does, and raised here.
        """
        if len(processes) > 1:
            received = await self.receive(len(processes), to=to)
            pairs = zip(processes, received, strict=True)
            await asyncio.gather(*(self._deliver(process, one, to) for process, one in pairs))
            return received
        received = []
        for _ in range(count):
            received += await self.receive(1, to=to)
            await self._deliver(processes[0], received[-1], to)
        return received

    async def drain(self, *processes: Service, patience: float = 0.15) -> int:
        """Deliver whatever waits for these processes, and what follows from it, until nothing has come for `patience`
        seconds; returns how many messages were delivered. What waits for a later hour stays at its topic.
        """
        delivered, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < patience:
            found = 0
            for process in processes:
                for listener in process.topology.listens:
                    found += await self._drain(process, listener)
            if found:
                delivered, quiet_since = delivered + found, time.monotonic()
            else:
                await asyncio.sleep(0.02)
        return delivered

    async def _drain(self, process: Service, listener: Any) -> int:
        if not listener.topic.sessions:
            waiting = len(await self.peek(listener.topic.name, listener.name))
            return len(await self.deliver(process, count=waiting, to=listener)) if waiting else 0
        found = 0
        for session in await self.sessions(listener):
            async with self._bus.get_subscription_receiver(
                listener.topic.name, listener.name, session_id=session
            ) as receiver:
                while batch := await receiver.receive_messages(1, max_wait_time=0.02):
                    try:
                        await process.deliver(messages.one(batch[0]), listener)
                    except BaseException:
                        await receiver.abandon_message(batch[0])
                        raise
                    await receiver.complete_message(batch[0])
                    found += 1
        return found

    async def sessions(self, listener: Any) -> list[str]:
        """The sessions of a subscription that have messages."""
        return [each async for each in self._bus.list_subscription_sessions(listener.topic.name, listener.name)]

    async def receive(self, count: int = 1, *, to: Any = AI_PROCESSOR) -> list[ServiceBusReceivedMessage]:
        """The next messages, locked."""
        receiver = await self._receiver(to.topic.name, to.name)
        received: list[ServiceBusReceivedMessage] = []
        while len(received) < count:
            more = await receiver.receive_messages(count - len(received), max_wait_time=PATIENCE)
            assert more, f"{count - len(received)} messages did not come within {PATIENCE} s"
            received += more
        return received

    async def _deliver(self, process: Service, received: ServiceBusReceivedMessage, to: Any) -> None:
        receiver = await self._receiver(to.topic.name, to.name)
        try:
            await process.deliver(messages.one(received), to)
        except BaseException:
            await receiver.abandon_message(received)
            raise
        await receiver.complete_message(received)

    # -- what is there afterwards ----------------------------------------------------------------------------------

    async def documents(self, container: str = ITEMS.name, kind: str | None = None) -> list[dict[str, Any]]:
        """All documents of a container (of one kind), without what Cosmos DB adds."""
        found = [item async for item in self.database.get_container_client(container).query_items("SELECT * FROM c")]
        stripped = [{key: value for key, value in item.items() if key not in UNKEPT} for item in found]
        return sorted((item for item in stripped if kind in (None, item.get("kind"))), key=lambda item: item["id"])

    async def records(self) -> list[dict[str, Any]]:
        """What is known of customers, orders and feedback."""
        return [item for item in await self.documents() if item["kind"] not in ("inbox", "outbox")]

    async def markers(self) -> list[dict[str, Any]]:
        return await self.documents(kind="inbox")

    async def outbox(self) -> list[dict[str, Any]]:
        return await self.documents(kind="outbox")

    async def decisions(self) -> list[dict[str, Any]]:
        return await self.documents(DECISIONS.name)

    async def peek(self, entity: str, subscription: str | None = None) -> list[ServiceBusReceivedMessage]:
        """Everything that is there: without a number the SDK would go on where it stopped."""
        return list(await (await self._receiver(entity, subscription)).peek_messages(250, sequence_number=1))

    async def events(self, topic: Topic, kind: str = "") -> list[dict[str, Any]]:
        """Every event that was published on a topic (of one type), oldest first."""
        seen = [json.loads(str(message)) for message in await self.peek(topic.name, WATCHER)]
        return [event for event in seen if kind in ("", event["type"])]

    async def insights(self) -> list[dict[str, Any]]:
        """The events that a subscriber of `insights` would get."""
        return [json.loads(str(message)) for message in await self.peek(INSIGHTS.name, WATCHER)]

    async def waiting(self) -> int:
        """How many messages wait for inference."""
        return len(await self.peek(DATA_CHANGES.name, AI_PROCESSOR.name))

    async def parked(self) -> list[Parked]:
        return [_parked(message) for message in await self.peek(DEAD_LETTERS.name)]

    async def put(self, container: str, document: dict[str, Any]) -> None:
        """Write a document as somebody else."""
        await self.database.get_container_client(container).upsert_item(document)

    async def _receiver(self, entity: str, subscription: str | None) -> ServiceBusReceiver:
        name = f"{entity}/{subscription}"
        if name not in self._receivers:
            made = (
                self._bus.get_subscription_receiver(entity, subscription)
                if subscription
                else self._bus.get_queue_receiver(entity)
            )
            self._receivers[name] = await self._stack.enter_async_context(made)
        return self._receivers[name]


NewWorld = Callable[[], AbstractAsyncContextManager[World]]


@asynccontextmanager
async def open_world(
    plan: Plan, cosmos: CosmosEmulator, environment: pytest.MonkeyPatch, app: str = "inference"
) -> AsyncIterator[World]:
    """A world, empty but for the catalogue, under the key of one app; its end closes what the processes opened."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(ServiceBusEmulator(watched(plan.bus), principals=plan.bus_principals))
        model = ModelStandIn(questions=registered_questions(), models={name: name for name in plan.models})
        await stack.enter_async_context(model)
        model.turn(differs=0)
        client = await stack.enter_async_context(CosmosClient.from_connection_string(cosmos.connection_string()))
        await create_containers(client, plan.containers)
        stack.push_async_callback(client.delete_database, DATABASE)
        stack.callback(cosmos._running().faults.clear)  # the account is everybody's
        stack.callback(settings.cache_clear)
        database = client.get_database_client(DATABASE)
        products = [("create", (product,)) for product in CATALOGUE]
        await database.get_container_client(REFERENCE.name).execute_item_batch(products, partition_key="product")
        cosmos.reset_counts()
        root = await stack.enter_async_context(
            ServiceBusClient.from_connection_string(bus.connection_string(), retry_total=0)
        )
        _close_at_the_end(stack, environment)
        world = World(plan, bus, cosmos, model, database, root, stack, environment)
        addresses = Addresses(bus.port, int(cosmos.endpoint.rstrip("/").rpartition(":")[2]), model.base_url, model.key)
        key = {"Model__key": model.key} if app_of(plan, app).asks else {}
        world.set(**app_of(plan, app).settings(addresses) | key | {"Retry__baseSeconds": "0.05"})
        yield world


def watched(config: Config) -> Config:
    """The same namespace with the subscriptions that only tests have."""
    second = Subscription(
        name=SECOND.name,
        rules=(
            *(Rule.correlation(kind, label=kind) for kind in SECOND.event_types),
            Rule.correlation("own", to=SECOND.name),
        ),
    )
    topics = []
    for topic in config.namespace.topics:
        added = (Subscription(name=WATCHER), *((second,) if topic.name == DATA_CHANGES.name else ()))
        topics.append(topic.model_copy(update={"subscriptions": (*topic.subscriptions, *added)}))
    return Config.of(queues=config.namespace.queues, topics=tuple(topics))


def app_of(plan: Plan, name: str) -> App:
    """The app of a pattern, by its folder's name, or `together`."""
    return next(app for app in (*plan.apps, plan.together) if app.folder == name)


def _close_at_the_end(stack: AsyncExitStack, environment: pytest.MonkeyPatch) -> None:
    """In Azure the clients live as long as the worker; here they must not outlive the test."""

    def closing(open_client: Callable[..., Any], *arguments: Any) -> Any:
        client = open_client(*arguments)
        stack.push_async_callback(client.close)
        return client

    for name in ("service_bus", "cosmos", "model"):
        environment.setattr(connections, name, partial(closing, getattr(connections, name)))


def _parked(message: ServiceBusReceivedMessage) -> Parked:
    properties = messages.application_properties(message)
    return Parked(
        reason=properties["DeadLetterReason"],
        description=properties["DeadLetterErrorDescription"],
        body=b"".join(message.body),
        message_id=str(message.message_id),
        properties=properties,
    )

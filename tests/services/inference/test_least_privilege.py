"""Inference works under its own keys, which open what its topology names and nothing else.

Every other test runs under the same keys; here is what they do not open.
"""

from typing import Any

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from services.entities import BUDGETS, DATABASE, DECISIONS, ITEMS, REFERENCE
from services.inference.topology import AI_PROCESSOR
from services.kernel import connections
from services.kernel.commit import Home
from services.kernel.event import Event
from services.kernel.outbox import leftovers
from services.kernel.ports import Ports
from services.kernel.store import Store
from services.kernel.topology import Container
from tests.services.events import customer, message
from tests.services.probe import LISTENS, PROBE, Probed, probed, reacting
from tests.services.world import World

SECRETS = Container("salaries", partition_key="id")


@pytest.fixture
async def others(world: World) -> None:
    """A container of somebody else in the same database."""
    from azure.cosmos import PartitionKey

    container = await world.database.create_container(SECRETS.name, PartitionKey("/id"))
    await container.create_item({"id": "s-1", "amount": 1})


async def test_housekeeping_needs_no_right_beyond_those_of_the_topology(world: World) -> None:
    # given
    process = world.process()
    await world.send(message(customer()), message(customer(name="later")))
    await world.deliver(process)

    # when
    await process.sweep_outbox()
    await process.measure_backlog()

    # then
    assert await world.waiting() == 1


async def test_a_container_that_the_topology_does_not_name_stays_closed(world: World, others: None) -> None:
    # given
    store = Store(connections.cosmos())

    # then
    with pytest.raises(CosmosHttpResponseError) as refused:
        await store.load(SECRETS, "s-1", "s-1")
    assert refused.value.status_code == 403
    with pytest.raises(CosmosHttpResponseError) as refused:
        await store.query(SECRETS, "SELECT * FROM c")
    assert refused.value.status_code == 403


async def test_a_handler_that_looks_where_it_may_not_fails_and_changes_nothing(world: World, others: None) -> None:
    # given
    async def pry(event: Event[Probed], ports: Ports) -> Any:
        return await ports.load(SECRETS, "s-1", "s-1")

    # when
    await world.send(message(probed(), subject="order_placed"))
    process = world.process(PROBE, reacting(pry))
    await world.deliver(process, to=LISTENS)
    (copy,) = await world.deliver(process, to=LISTENS)

    # then: it is tried again, and parked in the end
    assert copy.subject == "retry"
    assert not await world.documents()


async def test_what_is_only_read_cannot_be_written(world: World) -> None:
    container = connections.cosmos().get_database_client(DATABASE).get_container_client(REFERENCE.name)
    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.upsert_item({"id": "P-999", "kind": "product"})
    assert refused.value.status_code == 403


async def test_what_it_keeps_can_be_read_and_written(world: World) -> None:
    store = Store(connections.cosmos())
    for container in (ITEMS, DECISIONS, BUDGETS):
        await (await store.container(container)).upsert_item({"id": "1", container.partition_key: "1"})
        assert await store.load(container, "1", "1")
        assert await store.query(container, "SELECT * FROM c", partition="1")
    assert await leftovers(store, ITEMS, 0) == []
    assert Home(ITEMS, "1").container is ITEMS


async def test_it_may_send_where_it_publishes_retries_and_parks_and_receive_from_its_subscription_alone(
    world: World,
) -> None:
    client = connections.service_bus()
    for sender in (
        client.get_topic_sender("insights"),
        client.get_topic_sender("data-changes"),
        client.get_queue_sender("dead-letters"),
    ):
        async with sender:
            await sender.send_messages(ServiceBusMessage("{}"))
    async with client.get_subscription_receiver(AI_PROCESSOR.topic.name, AI_PROCESSOR.name) as receiver:
        assert await receiver.peek_messages() == []
    for closed in (
        client.get_subscription_receiver("data-changes", "second"),
        client.get_subscription_receiver("insights", "watcher"),
        client.get_queue_receiver("dead-letters"),
    ):
        with pytest.raises(ServiceBusError, match="needs the role 'Azure Service Bus Data Receiver'"):
            async with closed:
                await closed.peek_messages()

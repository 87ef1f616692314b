"""Notifications works under its own keys, which open what its topology names and nothing else."""

from typing import Any

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from services.entities import BUDGETS, DATABASE, DECISIONS, ITEMS, RECIPIENTS
from services.kernel import connections
from services.kernel.store import Store
from services.notifications.topology import TOPOLOGY
from tests.services.world import World


async def test_it_reads_and_writes_its_own_containers_and_no_business_record(world: World) -> None:
    # given
    store = Store(connections.cosmos())

    # then
    for container in (RECIPIENTS, DECISIONS, BUDGETS):
        await (await store.container(container)).upsert_item({"id": "1", container.partition_key: "1"})
        assert await store.load(container, "1", "1")
    with pytest.raises(CosmosHttpResponseError) as refused:
        await store.load(ITEMS, "1", "1")
    assert refused.value.status_code == 403
    items = connections.cosmos().get_database_client(DATABASE).get_container_client(ITEMS.name)
    with pytest.raises(CosmosHttpResponseError) as refused:
        await items.upsert_item({"id": "1", ITEMS.partition_key: "1"})
    assert refused.value.status_code == 403


async def test_it_speaks_on_its_own_topic_and_listens_where_it_subscribes(world: World) -> None:
    # given
    client = connections.service_bus()
    receivers: list[Any] = [client.get_subscription_receiver(each.topic.name, each.name) for each in TOPOLOGY.listens]

    # then
    for receiver in receivers:
        async with receiver:
            assert await receiver.peek_messages() == []
    async with client.get_topic_sender("notifications") as sender:
        await sender.send_messages(ServiceBusMessage("{}"))


@pytest.mark.parametrize("topic", ["data-changes", "entity-commands", "saga-steps"])
async def test_it_can_neither_decide_nor_command(world: World, topic: str) -> None:
    with pytest.raises(ServiceBusError, match="needs the role 'Azure Service Bus Data Sender'"):
        async with connections.service_bus().get_topic_sender(topic) as sender:
            await sender.send_messages(ServiceBusMessage("{}", session_id="s"))

"""A saga works under keys that open its sagas, stock and accounts, and of all else only what it reads."""

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from services.entities import (
    ACCOUNTS,
    DATABASE,
    ENTITY_COMMANDS,
    EVENTS,
    INSIGHTS,
    ITEMS,
    NOTIFICATIONS,
    SAGAS,
    STOCK,
    VIEWS,
)
from services.kernel import connections
from services.kernel.store import Store
from services.saga.handler import SERVICE
from tests.services.saga.shop import analyzed, open_shop, play, put_order
from tests.services.world import World


async def test_housekeeping_needs_no_right_beyond_those_of_the_topology(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed())

    # when, then: nothing is refused
    await process.sweep_outbox()
    await process.measure_backlog()
    assert process.topology is SERVICE.topology


async def test_it_writes_what_it_keeps_and_never_the_records_that_it_goes_by(world: World) -> None:
    # given
    store = Store(connections.cosmos())
    await put_order(world)
    (record,) = [each for each in await world.documents(ITEMS.name) if each["kind"] == "order"]

    # then
    for kept in (SAGAS, STOCK, ACCOUNTS, VIEWS):
        await (await store.container(kept)).upsert_item({"id": "1", kept.partition_key: "1"})
        assert await store.load(kept, "1", "1")
    assert await store.load(ITEMS, record["id"], record["id"])
    items = connections.cosmos().get_database_client(DATABASE).get_container_client(ITEMS.name)
    with pytest.raises(CosmosHttpResponseError) as refused:
        await items.upsert_item({**record, "total": "1.00"})
    assert refused.value.status_code == 403
    with pytest.raises(CosmosHttpResponseError) as refused:
        await store.load(EVENTS, "1", "1")
    assert refused.value.status_code == 403


async def test_it_commands_no_other_pattern(world: World) -> None:
    client = connections.service_bus()
    async with client.get_topic_sender(INSIGHTS.name) as sender:
        await sender.send_messages(ServiceBusMessage("{}"))
    for closed in (ENTITY_COMMANDS, NOTIFICATIONS):
        with pytest.raises(ServiceBusError, match="Azure Service Bus Data Sender"):
            async with client.get_topic_sender(closed.name) as sender:
                await sender.send_messages(ServiceBusMessage("{}", session_id="1"))

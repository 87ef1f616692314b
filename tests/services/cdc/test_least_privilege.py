"""Change data capture reads items and writes what it remembers of them, under keys that open no more."""

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError

from services.entities import DATABASE, ITEMS
from services.kernel import connections
from tests.services.cdc.changes import order
from tests.services.world import World


async def test_it_cannot_write_what_it_watches(world: World) -> None:
    container = connections.cosmos().get_database_client(DATABASE).get_container_client(ITEMS.name)
    with pytest.raises(CosmosHttpResponseError) as refused:
        await container.upsert_item(order())
    assert refused.value.status_code == 403

"""one emulator per number of physical ranges and run; a fresh container per test"""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

from local.cosmos.server import CosmosEmulator

_names = count(1)


@pytest.fixture(scope="session")
def one_range() -> Iterator[CosmosEmulator]:
    with CosmosEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def four_ranges() -> Iterator[CosmosEmulator]:
    with CosmosEmulator(ranges=4) as emulator:
        yield emulator


@pytest.fixture
def cosmos(one_range: CosmosEmulator) -> CosmosEmulator:
    return one_range


@pytest.fixture
async def client(cosmos: CosmosEmulator) -> AsyncIterator[CosmosClient]:
    async with CosmosClient.from_connection_string(cosmos.connection_string()) as client:
        yield client


@pytest.fixture
async def database(client: CosmosClient) -> DatabaseProxy:
    return await client.create_database_if_not_exists("tests")


@pytest.fixture
async def container(database: DatabaseProxy) -> ContainerProxy:
    return await database.create_container(f"c{next(_names)}", PartitionKey("/pk"))


@pytest.fixture
def fresh_name() -> str:
    return f"c{next(_names)}"

"""Documents of the database `main`, by container and partition.

Every failure that waiting may cure becomes a Retry; the rest is a fault of ours and propagates.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from azure.core.exceptions import AzureError, HttpResponseError
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError

from services.entities import DATABASE
from services.kernel.outcome import Retry
from services.kernel.topology import Container

Document = dict[str, Any]

PASSING = frozenset({408, 410, 429, 449, 500, 503})
"""Status codes after which the SDK's own retries are spent and a later attempt may succeed."""


class Store:
    """Reads; all writing of state goes through services/kernel/commit.py."""

    def __init__(self, client: CosmosClient) -> None:
        self._client = client
        self._entered = False
        self._entering = asyncio.Lock()
        self._containers: dict[str, ContainerProxy] = {}

    async def container(self, container: Container) -> ContainerProxy:
        """The client of a container.

        The account's client is entered at the first call: one that is not has no session, and reads of what was just
        written could miss it.
        """
        async with self._entering:
            if not self._entered:
                await self._client.__aenter__()
                self._entered = True
        if container.name not in self._containers:
            database = self._client.get_database_client(DATABASE)
            self._containers[container.name] = database.get_container_client(container.name)
        return self._containers[container.name]

    async def load(self, container: Container, partition: str, document_id: str) -> Document | None:
        """One document with its `_etag`, or None. One point read."""
        async with passing_trouble():
            try:
                item = await (await self.container(container)).read_item(document_id, partition_key=partition)
            except CosmosResourceNotFoundError:
                return None
            return cast("Document", item)

    async def query(
        self,
        container: Container,
        text: str,
        parameters: Mapping[str, object] | None = None,
        *,
        partition: str | None = None,
    ) -> list[Document]:
        """All results of a query, in one partition or (None) across all of them."""
        named = [{"name": f"@{name}", "value": value} for name, value in (parameters or {}).items()]
        scope: dict[str, Any] = {"partition_key": partition} if partition is not None else {}
        async with passing_trouble():
            pages = (await self.container(container)).query_items(text, parameters=named, **scope)
            return [item async for item in pages]


@asynccontextmanager
async def passing_trouble() -> AsyncGenerator[None]:
    """Turn a store that is throttled, unavailable or out of reach into a Retry."""
    try:
        yield
    except CosmosHttpResponseError as error:
        if error.status_code not in PASSING:
            raise
        headers = cast("Mapping[str, str]", error.headers or {})
        wait = headers.get("x-ms-retry-after-ms")
        raise Retry(
            "store-busy", f"Cosmos DB answered {error.status_code}", float(wait) / 1000 if wait else None
        ) from error
    except HttpResponseError:
        raise
    except AzureError as error:
        raise Retry("store-unreachable", f"{type(error).__name__}: {error}"[:300]) from error

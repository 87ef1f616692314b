"""a container's change feed -> pages per feed range -> the function -> checkpoint

One continuation token per feed range: a token over several ranges cannot be resumed before each of them was visited.
As in Azure, a batch whose function raises is lost: the lease advances all the same, unless the function declares a
retry policy (Azure/azure-webjobs-sdk-extensions#716, #837). Two functions that name the same container, lease container
and prefix share one feed, each seeing a part of it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from azure.core.exceptions import AzureError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.functions.cosmosdb import CosmosDBTriggerConverter
from azure.functions.meta import Datum

from local.host.apps import HostedFunction
from local.host.errors import HostError
from local.host.invoke import Invoker, in_one_line
from local.host.leases import Lease, LeaseLostError, to_take
from local.host.listeners import Backoff, Signals
from local.host.retries import RetryInterruptedError, with_retries
from local.host.settings import Connection
from local.host.triggers import CosmosTrigger

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CosmosListener:
    """Follows the ranges of a feed that this host holds leases on."""

    function: HostedFunction
    trigger: CosmosTrigger
    invoke: Invoker
    data: Connection
    leases: Connection

    def __str__(self) -> str:
        where = f"{self.trigger.database_name}/{self.trigger.container_name}"
        return f"{self.function} <- {where} (change feed, up to {self.trigger.max_items_per_invocation} at a time)"

    async def listen(self, signals: Signals) -> None:
        """See `Listener`."""
        async with _client(self.data) as data, _client(self.leases) as lease_client:
            try:
                feed = data.get_database_client(self.trigger.database_name).get_container_client(
                    self.trigger.container_name
                )
                rid = str((await feed.read())["_rid"]).replace("/", "-")
                leases = await self._own_leases(feed, rid, await self._lease_container(lease_client))
            except AzureError as error:
                raise HostError(f"{self}: {in_one_line(error)}") from None
            await _Reader(self, feed, leases, signals).read()

    async def _lease_container(self, client: CosmosClient) -> ContainerProxy:
        trigger = self.trigger
        database = client.get_database_client(trigger.lease_database_name or trigger.database_name)
        if trigger.create_lease_container_if_not_exists:
            return await database.create_container_if_not_exists(trigger.lease_container_name, PartitionKey("/id"))
        container = database.get_container_client(trigger.lease_container_name)
        await container.read()
        return container

    async def _own_leases(self, feed: ContainerProxy, rid: str, container: ContainerProxy) -> list[Lease]:
        """A container that is made anew has a new rid, so leases of its namesake do not count."""
        scope = f"{self.trigger.lease_container_prefix}{self.trigger.database_name}_{rid}.."
        leases = list[Lease]()
        async for feed_range in feed.read_feed_ranges():
            bounds = feed_range["Range"]
            leases.append(await Lease.get_or_create(container, f"{scope}{bounds['min']}-{bounds['max']}", feed_range))
        return leases


class _Reader:
    """One run of the listener: it acquires leases again and again and follows each in a task."""

    def __init__(self, listener: CosmosListener, feed: ContainerProxy, leases: list[Lease], signals: Signals) -> None:
        self._listener, self._trigger, self._feed = listener, listener.trigger, feed
        self._leases, self._signals, self._me = leases, signals, str(uuid4())
        self._following = dict[str, asyncio.Task[None]]()

    async def read(self) -> None:
        backoff = Backoff()
        try:
            while not self._signals.stopping.is_set():
                pause = self._trigger.lease_acquire_interval / 1000
                try:
                    await self._acquire()
                    backoff.reset()
                except AzureError as error:
                    _log.warning("%s: %s; trying again", self._listener, in_one_line(error))
                    pause = backoff.next()
                await self._signals.pause(pause)
            if self._following:
                await asyncio.wait(self._following.values())
        finally:
            for task in self._following.values():
                task.cancel()
            await asyncio.gather(*self._following.values(), return_exceptions=True)

    async def _acquire(self) -> None:
        """Take this host's share, and be ready once what was taken has a place to go on from."""
        for lease in self._leases:
            if lease.id not in self._following:
                await lease.refresh()
        taken = list[Lease]()
        for lease in to_take(self._leases, self._me):
            with contextlib.suppress(LeaseLostError):
                await lease.acquire(self._me, self._trigger.lease_expiration_interval / 1000)
                taken.append(lease)
        placed = [asyncio.Event() for _ in taken]
        for lease, event in zip(taken, placed, strict=True):
            self._following[lease.id] = task = asyncio.create_task(self._follow(lease, event))
            task.add_done_callback(lambda _, key=lease.id: self._following.pop(key, None))
        if not self._signals.ready.is_set():
            await asyncio.gather(*(event.wait() for event in placed))
            self._signals.ready.set()

    async def _follow(self, lease: Lease, placed: asyncio.Event) -> None:
        """Handle a range until the host stops or the lease is lost."""
        try:
            with contextlib.suppress(RetryInterruptedError):
                await self._follow_pages(lease, placed)
            await lease.release()
        except LeaseLostError:
            _log.info("%s: another host has taken the range %s", self._listener.function, lease.id)
        except AzureError as error:
            _log.warning("%s: the lease was not given back: %s", self._listener, in_one_line(error))
        finally:
            placed.set()

    async def _follow_pages(self, lease: Lease, placed: asyncio.Event) -> None:
        backoff = Backoff()
        async with self._renewed(lease) as lost:
            while not (self._signals.stopping.is_set() or lost.is_set()):
                try:
                    await self._next_page(lease, placed)
                    backoff.reset()
                except AzureError as error:
                    _log.warning("%s: %s; trying again", self._listener, in_one_line(error))
                    await self._signals.pause(backoff.next())

    async def _next_page(self, lease: Lease, placed: asyncio.Event) -> None:
        """Read, call, checkpoint: a crash anywhere before the checkpoint brings the page again."""
        documents, token = await self._page(lease)
        placed.set()
        if documents:
            await self._call(documents)
        if token and token != lease.token:
            await lease.checkpoint(token)
        if not documents:
            await self._signals.pause(self._trigger.feed_poll_delay / 1000)

    async def _page(self, lease: Lease) -> tuple[list[dict[str, Any]], str | None]:
        """One page and the token after it.

        The token is the etag header as the SDK leaves it when it has read the page; its page iterator has none after an
        empty page, and to start from now means to start from the first empty page's token.
        """
        responses = list[Any]()
        start = "Beginning" if self._trigger.start_from_beginning else "Now"
        place: dict[str, Any] = {"continuation": lease.token} if lease.token else {"start_time": start}
        pages = self._feed.query_items_change_feed(
            feed_range=lease.range,
            max_item_count=self._trigger.max_items_per_invocation,
            response_hook=lambda headers, _: responses.append(headers),
            **place,
        ).by_page()
        documents = list[dict[str, Any]]()
        async for page in pages:
            documents = [document async for document in page]
            break
        return documents, responses[-1].get("etag") if responses else None

    async def _call(self, documents: list[dict[str, Any]]) -> None:
        converter = cast("Any", CosmosDBTriggerConverter)
        argument = converter.decode(Datum(json.dumps(documents), "json"), trigger_metadata={})
        if not await with_retries(self._listener.function, self._listener.invoke, argument, self._signals):
            _log.error("%s: a batch of %d is lost, as it would be in Azure", self._listener.function, len(documents))

    @contextlib.asynccontextmanager
    async def _renewed(self, lease: Lease) -> AsyncGenerator[asyncio.Event]:
        """Renew the lease while the body runs; the event says that another host has it."""
        lost, done = asyncio.Event(), asyncio.Event()

        async def renewing() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), self._trigger.lease_renew_interval / 1000)
                    return
                try:
                    await lease.renew(self._trigger.lease_expiration_interval / 1000)
                except LeaseLostError:
                    lost.set()
                    return
                except AzureError as error:
                    _log.warning("%s: the lease was not renewed: %s", self._listener, in_one_line(error))

        renewal = asyncio.create_task(renewing())
        try:
            yield lost
        finally:
            done.set()
            await renewal


def _client(connection: Connection) -> CosmosClient:
    if connection.connection_string is None:
        from azure.identity.aio import DefaultAzureCredential

        return CosmosClient(str(connection.address), DefaultAzureCredential())
    try:
        return CosmosClient.from_connection_string(connection.connection_string)
    except (ValueError, KeyError) as error:
        raise HostError(f"setting {connection.name} is not a Cosmos DB connection string: {error}") from None

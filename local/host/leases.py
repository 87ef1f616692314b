"""one document per feed range in the lease container: who reads the range, until when, and how far it has come

The scheme of the change feed processor: a lease belongs to its owner until it expires; every write carries the ETag
that was read, so of two hosts that want the same lease one loses with 412 and lets go. Hosts share ranges equally.
The documents are this host's own shape: leases are never shared with the host in Azure.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Self

from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)


class LeaseLostError(Exception):
    """Another host has the lease now; it goes on from the last checkpoint."""


@dataclass
class Lease:
    """A lease as last read or written. `token` is None until the range has been read for the first time."""

    container: ContainerProxy
    id: str
    range: dict[str, Any]
    owner: str | None
    expires: float
    token: str | None
    etag: str
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False)

    @property
    def is_free(self) -> bool:
        return self.owner is None or self.expires < time.time()

    @classmethod
    async def get_or_create(cls, container: ContainerProxy, key: str, feed_range: dict[str, Any]) -> Self:
        """Read the lease, or create it for nobody; two hosts that create it at once both get the one."""
        try:
            document = await container.read_item(key, partition_key=key)
        except CosmosResourceNotFoundError:
            new = {"id": key, "range": feed_range, "owner": None, "expires": 0.0, "token": None}
            try:
                document = await container.create_item(new)
            except CosmosResourceExistsError:
                document = await container.read_item(key, partition_key=key)
        return cls._of(container, dict(document))

    async def refresh(self) -> None:
        """Read the lease again, to see what other hosts have made of it."""
        self._read(dict(await self.container.read_item(self.id, partition_key=self.id)))

    async def acquire(self, owner: str, seconds: float) -> None:
        """Take the lease, from whoever had it when it was last read.

        Raises:
            LeaseLostError: someone was faster.
        """
        await self._write(owner=owner, expires=time.time() + seconds)

    async def renew(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now.

        Raises:
            LeaseLostError: another host has taken it.
        """
        await self._write(expires=time.time() + seconds)

    async def checkpoint(self, token: str) -> None:
        """Remember how far the range has been handled.

        Raises:
            LeaseLostError: another host has taken it, and will handle again what came since the last checkpoint.
        """
        await self._write(token=token)

    async def release(self) -> None:
        """Let another host have the lease at once.

        Raises:
            LeaseLostError: it has it already.
        """
        await self._write(owner=None, expires=0.0)

    async def _write(self, **changes: Any) -> None:
        async with self._turn:  # a renewal and a checkpoint of ours must not fail each other
            now = {"owner": self.owner, "expires": self.expires, "token": self.token, **changes}
            try:
                document = await self.container.replace_item(
                    self.id,
                    {"id": self.id, "range": self.range, **now},
                    etag=self.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except (CosmosAccessConditionFailedError, CosmosResourceNotFoundError):
                raise LeaseLostError(self.id) from None
            self._read(dict(document))

    def _read(self, document: dict[str, Any]) -> None:
        self.owner, self.expires = document["owner"], document["expires"]
        self.token, self.etag = document["token"], document["_etag"]

    @classmethod
    def _of(cls, container: ContainerProxy, document: dict[str, Any]) -> Self:
        names = ("id", "range", "owner", "expires", "token")
        return cls(container, *(document[name] for name in names), etag=document["_etag"])


def to_take(leases: Sequence[Lease], me: str) -> list[Lease]:
    """Which leases `me` should take now: free ones up to an equal share, else one from a host that has more.

    One at most is taken from others at a time, as EqualPartitionsBalancingStrategy of the .NET SDK does: moving a
    range costs what was handled since its last checkpoint.
    """
    held = Counter(lease.owner for lease in leases if not lease.is_free)
    hosts = len(held.keys() | {me})
    share = ceil(len(leases) / hosts)
    wanted = share - held[me]
    free = [lease for lease in leases if lease.is_free]
    if free or wanted <= 0:
        return free[: max(wanted, 0)]
    richest, most = held.most_common(1)[0]
    has_more = most > share - (1 if wanted > 1 else 0)
    return [lease for lease in leases if lease.owner == richest][:1] if has_more else []

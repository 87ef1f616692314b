import time
from typing import cast

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from local.cosmos.server import CosmosEmulator
from local.host.leases import Lease, LeaseLostError, to_take


def _leases(owners: str) -> list[Lease]:
    """One lease per letter: its owner; a dot is nobody's, a capital letter's has expired."""
    now = time.time()
    return [
        Lease(
            container=cast("ContainerProxy", None),
            id=str(number),
            range={},
            owner=None if owner == "." else owner.lower(),
            expires=now - 1 if owner.isupper() else now + 60,
            token=None,
            etag="",
        )
        for number, owner in enumerate(owners)
    ]


@pytest.mark.parametrize(
    ("owners", "taken"),
    [
        ("....", "0123"),
        ("A.A.", "0123"),
        ("aaaa", "0"),
        ("maaa", "1"),
        ("mmaa", ""),
        ("mma.", ""),
        ("m...", "123"),
        ("a...", "12"),
        ("a.b.", "13"),
        ("aabb", "0"),
        ("aabm", ""),
        ("Aabb", "0"),
        ("mmmm", ""),
        ("a", ""),
        ("A", "0"),
        ("aaab", "0"),
        ("MMaa", "01"),
    ],
)
def test_a_host_takes_its_equal_share(owners: str, taken: str) -> None:
    assert "".join(lease.id for lease in to_take(_leases(owners), "m")) == taken


async def test_of_two_hosts_that_want_a_lease_one_gets_it_and_goes_on_from_the_last_checkpoint() -> None:
    async with (
        CosmosEmulator() as cosmos,
        CosmosClient.from_connection_string(cosmos.connection_string()) as client,
    ):
        # given
        database = await client.create_database("main")
        container = await database.create_container("leases", PartitionKey("/id"))
        ours, theirs = [await Lease.get_or_create(container, "range", {"Range": {}}) for _ in range(2)]

        # when
        await ours.acquire("us", 60)
        with pytest.raises(LeaseLostError):
            await theirs.acquire("them", 60)
        await ours.checkpoint("token")
        await ours.renew(60)

        # then
        await theirs.refresh()
        assert (theirs.owner, theirs.token, theirs.is_free) == ("us", "token", False)

        # when
        await theirs.acquire("them", 60)

        # then
        for lost in (ours.checkpoint("later"), ours.renew(60), ours.release()):
            with pytest.raises(LeaseLostError):
                await lost
        await ours.refresh()
        assert (ours.owner, ours.token) == ("them", "token")


async def test_a_released_lease_is_free_at_once_and_an_expired_one_by_itself() -> None:
    async with (
        CosmosEmulator() as cosmos,
        CosmosClient.from_connection_string(cosmos.connection_string()) as client,
    ):
        # given
        database = await client.create_database("main")
        container = await database.create_container("leases", PartitionKey("/id"))
        lease = await Lease.get_or_create(container, "range", {"Range": {}})

        # when, then
        await lease.acquire("us", 60)
        assert not lease.is_free
        await lease.release()
        assert lease.is_free
        await lease.acquire("us", -1)
        assert lease.is_free

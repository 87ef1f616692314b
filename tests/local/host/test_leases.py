import time
from typing import cast

import pytest
from azure.cosmos.aio import ContainerProxy

from local.host.leases import Lease, to_take


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

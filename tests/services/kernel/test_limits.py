"""A commit may weigh what Cosmos DB takes: what passes the check is taken, and what is parked would not be."""

import json
from typing import Any

import pytest
from azure.cosmos._base import _format_batch_operations

from services.kernel.commit import MOST_BYTES, weight
from tests.services.events import message
from tests.services.kernel.test_publishing import Insight
from tests.services.probe import LISTENS, PROBE, announcing, probed, reacting
from tests.services.world import World

MESSAGES = 20

# aiohttp warns of each body above 1 MB; up to 2 MB are what a batch may have
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly with raw bytes:ResourceWarning")


@pytest.mark.parametrize(
    ("text", "on_the_wire"),
    [("x", 1), ('"', 4), ("\n", 3), ("é", 7), ("😀", 14)],
    ids=["plain", "quotes", "lines", "accents", "emoji"],
)
@pytest.mark.parametrize(("share", "fits"), [(1.01, False), (0.98, True)])
async def test_what_passes_the_check_is_taken_whatever_is_written(
    world: World, text: str, on_the_wire: int, share: float, fits: bool
) -> None:
    # given: an outbox of so many bytes, where each character is escaped twice: in its message, and in the record
    length = int(share * MOST_BYTES / MESSAGES / on_the_wire)
    process = world.process(PROBE, reacting(announcing(*(Insight(text=text * length) for _ in range(MESSAGES)))))

    # when
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(process, to=LISTENS)

    # then: taken at the first attempt, or parked at the first; nothing is tried again in vain
    assert [one.reason for one in await world.parked()] == ([] if fits else ["too-much"])
    assert [marker["attempt"] for marker in await world.markers()] == ([1] if fits else [])


@pytest.mark.parametrize(
    "operation",
    [
        ("create", ({"id": "a", "text": 'é "😀"'},)),
        ("replace", ("a" * 200, {"id": "a" * 200, "list": [1, {"b": None}]}), {"if_match_etag": '"0000-1a00"'}),
    ],
    ids=lambda operation: operation[0],
)
def test_an_operation_weighs_what_the_sdk_writes(operation: tuple[Any, ...]) -> None:
    # when
    (entry,) = _format_batch_operations([(*operation[:2], *map(dict, operation[2:]))])
    written = len(json.dumps(entry, separators=(",", ":")) + ",")

    # then
    assert written <= weight(operation) <= written + 32

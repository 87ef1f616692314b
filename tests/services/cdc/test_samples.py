"""The sample writes, played one by one: each ends as the README says, and the samples stay true to the code."""

import json
from pathlib import Path
from typing import Any

from services.cdc.handler import SERVICE
from services.cdc.relay import relay
from tests.services.cdc.changes import detected, feed, notes, seen, versions, write
from tests.services.world import World

SAMPLES = Path(__file__).parents[3] / "samples"
ESCALATED = ("update", "escalation", True)
TOLD = ("update", "update", False)
DELETED = ("delete", "update", False)
PASSED_OVER = None
EXPECTED = [
    ESCALATED,  # overdue
    PASSED_OVER,  # a word of a note
    TOLD,  # another address
    PASSED_OVER,  # bookkeeping
    ESCALATED,  # a complaint
    PASSED_OVER,  # a note that gives orders
    DELETED,
    PASSED_OVER,  # a new order
    PASSED_OVER,  # AI's own writing
    TOLD,  # delivered
    ESCALATED,  # returned, with a complaint
    PASSED_OVER,  # nobody's
]


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


async def test_each_sample_ends_as_it_should(world: World) -> None:
    # given
    process = world.start(SERVICE)
    there = {(one["entity_id"], one["id"]): one for one in lines("documents/items.jsonl")}
    await seen(world, process, *there.values())
    asked = world.model.stats().calls

    # when
    ended: list[tuple[str, str, bool] | None] = []
    for line in lines("cdc.jsonl"):
        told, key = len(await detected(world)), (line["document"]["entity_id"], line["document"]["id"])
        there[key] = {**there.get(key, {}), **line["document"]}
        await write(world, there[key])
        await relay([document for document in await feed(world) if document["id"] == key[1]], process)
        await world.drain(process)
        new = (await detected(world))[told:]
        ended += [(one["operation"], one["change_type"], one["trigger_workflow"]) for one in new] or [None]

    # then
    assert ended == EXPECTED
    assert [one.reason for one in await world.parked()] == ["not-an-item"]
    assert sum("as AI wrote it" in note for note in await notes(world)) == 1
    assert len(await versions(world)) == len(there) - 1
    assert world.model.stats().calls - asked == len(EXPECTED) - 3, "bookkeeping, AI's own and nobody's cost nothing"

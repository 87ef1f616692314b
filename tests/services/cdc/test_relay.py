"""The feed is passed on: which item has another version, never the item, and no document stops the others."""

import json
from typing import Any

import pytest
from azure.servicebus.exceptions import ServiceBusError

from services.cdc.handler import SERVICE
from services.cdc.relay import FEED, relay
from services.entities import DEAD_LETTERS, ITEM_CHANGES
from services.kernel.outcome import Retry
from services.kernel.publisher import Publisher
from tests.services.cdc.changes import by_ai, feed, notes, order, versions, write
from tests.services.world import World


def document(**said: Any) -> dict[str, Any]:
    """A document as the feed shows it."""
    return {**order(), "_etag": '"e-1"', "_ts": 1_795_565_928, "_lsn": 7, "_rid": "r==", **said}


async def test_a_change_is_told_by_where_it_is_and_which_version_and_nothing_else(world: World) -> None:
    # given
    stored = await write(world, order(notes="a secret"))

    # when
    await relay(await feed(world), world.start(SERVICE))

    # then
    (message,) = await world.peek(ITEM_CHANGES.name, "watcher")
    event = json.loads(str(message))
    assert (event["type"], event["source"]) == ("item_changed", FEED)
    assert event["data"] == {
        "item": {"id": "o-1", "partition": "o-1"},
        "etag": stored["_etag"],
        "lsn": 1,
        "time": event["time"],
        "by_ai": False,
    }
    assert message.session_id is not None
    assert message.session_id.startswith("o-1~")
    assert "secret" not in str(message)
    assert world.model.stats().calls == 0


async def test_the_same_version_is_the_same_message_and_another_version_another(world: World) -> None:
    # given
    process, again = world.start(SERVICE), world.start(SERVICE)

    # when: a batch comes again, as after a crash between the sending and the checkpoint
    await relay([document()], process)
    await relay([document(), document(_etag='"e-2"', _lsn=8)], again)
    await relay([document(status="whatever")], again)

    # then
    messages = await world.peek(ITEM_CHANGES.name, "watcher")
    assert [json.loads(str(message))["data"]["etag"] for message in messages] == ['"e-1"', '"e-2"']
    assert len({message.session_id for message in messages}) == 1


async def test_a_version_that_a_merged_partition_shows_at_another_position_is_no_reused_id(world: World) -> None:
    # given
    process = world.start(SERVICE)
    (stored,) = [await write(world, order())]

    # when
    for position in (7, 4711):
        await relay([{**stored, "_lsn": position}], process)
    await world.drain(process)

    # then
    assert await notes(world) == ["committed: ", "stale: covered"]
    assert not await world.parked()


async def test_records_of_the_inbox_and_the_outbox_are_passed_over_by_their_kind_and_id(world: World) -> None:
    # when
    marker, record = document(id="inbox~1", kind="inbox"), document(id="outbox~1~0", kind="outbox")
    pretending = document(id="o-2", kind="inbox")
    await relay([marker, record, pretending], world.start(SERVICE))

    # then
    (event,) = await world.events(ITEM_CHANGES)
    assert event["data"]["item"]["id"] == "o-2"


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 1024}, "id"),
        ({"entity_id": None}, "partition"),
        ({"entity_id": 7}, "partition"),
        ({"entity_id": {"a": 1}}, "partition"),
        ({"_etag": ""}, "etag"),
        ({"_ts": "yesterday"}, "TypeError"),
        ({"_ts": 10**30}, "Error"),
        ({"decided_by": {}, "notes": {"a": float("nan")}, "_lsn": "x"}, "lsn"),
    ],
)
async def test_a_document_that_cannot_be_relayed_is_parked_and_the_others_come_through(
    world: World, broken: dict[str, Any], named: str
) -> None:
    # when
    await relay([document(id="first"), document(**broken), document(id="last")], world.start(SERVICE))

    # then
    assert [event["data"]["item"]["id"] for event in await world.events(ITEM_CHANGES)] == ["first", "last"]
    (dead,) = await world.parked()
    assert dead.reason == "not-an-item"
    assert named in dead.description
    assert dead.properties["topic"] == ITEM_CHANGES.name
    assert json.loads(dead.body)["_rid"] == "r=="
    assert b"Ring twice" not in dead.body


async def test_a_document_without_an_id_is_parked(world: World) -> None:
    # when
    nameless = {name: value for name, value in document().items() if name not in ("id", "entity_id")}
    await relay([nameless], world.start(SERVICE))

    # then
    (dead,) = await world.parked()
    assert (dead.reason, json.loads(dead.body)["_lsn"]) == ("not-an-item", "7")


async def test_ids_of_any_characters_and_500_of_them_are_relayed_and_found_again(world: World) -> None:
    # given: what the feed may show, and of it what a store with strict ids takes
    foreign = ["o/1", "o#1", "o?1", "o\\1", "ö 1", "/" * 500, "x" * 500]
    process = world.start(SERVICE)

    # when
    await relay([document(id=name, entity_id=name) for name in foreign], process)
    await world.drain(process)

    # then: each is an item of its own, though none of these is there
    assert {event["data"]["item"]["id"] for event in await world.events(ITEM_CHANGES)} == set(foreign)
    assert await notes(world) == ["stale: gone before it was looked at"] * len(foreign)
    assert not await world.parked()


async def test_an_item_in_a_partition_of_any_characters_is_analysed(world: World) -> None:
    # given
    process = world.start(SERVICE)
    for number, partition in enumerate(["a/b#c?d\\e", "p" * 500, "ü ? "]):
        await write(world, {**order("x" * 200 + str(number)), "entity_id": partition})

    # when
    await relay(await feed(world), process)
    await world.drain(process)

    # then
    assert len(await versions(world)) == 3
    assert await notes(world) == ["committed: "] * 3


async def test_the_relay_says_which_version_ai_wrote(world: World) -> None:
    # when
    await relay([document(), by_ai(document(id="o-2"))], world.start(SERVICE))

    # then
    assert [event["data"]["by_ai"] for event in await world.events(ITEM_CHANGES)] == [False, True]


async def test_a_document_of_a_megabyte_is_relayed_by_its_name(world: World) -> None:
    # given
    await write(world, order(notes="x" * 1_000_000))

    # when
    await relay(await feed(world), world.start(SERVICE))

    # then
    (message,) = await world.peek(ITEM_CHANGES.name, "watcher")
    assert len(str(message)) < 1_000


async def test_a_broker_that_cannot_be_reached_makes_the_batch_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    async def unreachable(*_: object) -> None:
        raise ServiceBusError("unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "send", unreachable)

        # when, then: the function fails, so the host calls it again
        with pytest.raises((ServiceBusError, Retry)):
            await relay([document()], world.start(SERVICE))
    assert not await world.events(ITEM_CHANGES)
    assert not await world.peek(DEAD_LETTERS.name)

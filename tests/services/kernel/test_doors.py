"""What comes in by a door, and what a handler does beyond our stores: once, however often it is tried."""

from datetime import UTC, datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent

from services.entities import DATA_CHANGES, ENTITY_COMMANDS, INSIGHTS, ITEMS
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event, open_envelope
from services.kernel.message import entering
from services.kernel.ports import Ports
from services.kernel.topology import Topic
from tests.services.events import delivery, message
from tests.services.probe import LISTENS, PROBE, Probed, probed, reacting
from tests.services.world import World

TIME = datetime(2026, 11, 22, 9, tzinfo=UTC)


def event(data: dict[str, Any] | None = None, **attributes: Any) -> CloudEvent:
    known = {"id": "E-1", "source": "/shop", "type": "probed", "time": TIME, "datacontenttype": "application/json"}
    return CloudEvent(known | attributes, {"thing": "T-1"} if data is None else data)


def entered(made: CloudEvent, topic: Topic = DATA_CHANGES, **named: Any) -> Any:
    return entering(made, topic, **named)


# -- entering ----------------------------------------------------------------------------------------------------------


def test_a_door_that_says_the_same_twice_makes_one_message() -> None:
    assert entered(event()).message_id == entered(event(time=datetime.now(UTC))).message_id


def test_whatever_differs_in_source_id_type_or_content_is_another_message() -> None:
    made = [event(), event(id="E-2"), event(source="/other"), event(type="other"), event({"thing": "T-2"})]

    assert len({entered(each).message_id for each in made}) == len(made)
    assert all(len(entered(each).message_id) <= 128 for each in (*made, event(id="x" * 5_000)))


def test_an_event_that_comes_in_is_known_by_the_key_that_its_listener_will_know_it_by() -> None:
    outgoing = entered(event(), ENTITY_COMMANDS, session="S-1", at=TIME)

    assert outgoing.event_key == open_envelope(delivery(outgoing.body)).key
    assert (outgoing.topic, outgoing.subject, outgoing.session, outgoing.at) == (
        ENTITY_COMMANDS.name,
        "probed",
        "S-1",
        TIME,
    )


async def test_what_a_service_sends_is_at_the_broker_when_it_says_so(world: World) -> None:
    # when
    await world.process().send([entered(event()), entered(event()), entered(event(id="E-2"), INSIGHTS)])

    # then
    assert [each["id"] for each in await world.events(DATA_CHANGES)] == ["E-1"]
    assert [each["id"] for each in await world.events(INSIGHTS)] == ["E-2"]


# -- once --------------------------------------------------------------------------------------------------------------


async def test_what_reaches_beyond_our_stores_is_done_once_though_the_event_is_decided_again(world: World) -> None:
    # given: somebody else writes between the decision and its commit
    sent: list[str] = []
    decided = 0

    async def mail() -> str:
        sent.append("a mail")
        return f"receipt {len(sent)}"

    async def handle(_: Event[Probed], ports: Ports) -> Effects:
        nonlocal decided
        decided += 1
        thing = await ports.mine(ports.home.partition)
        receipt = await ports.once("mail", mail)
        if decided == 1:
            await world.put(ITEMS.name, {"id": "T-1", "entity_id": "T-1", "kind": "thing", "by": "somebody else"})
        return Effects((Put({"kind": "thing", "receipt": receipt}, (thing or {}).get("_etag")),))

    # when
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(world.process(PROBE, reacting(handle)), to=LISTENS)

    # then
    assert decided == 2
    assert sent == ["a mail"]
    (record,) = await world.records()
    assert record["receipt"] == "receipt 1"


async def test_what_has_another_name_is_done_too() -> None:
    done: list[str] = []
    ports = Ports(event=None, home=None, store=None, asker=None, last_attempt=False)  # type: ignore[arg-type]

    async def act() -> int:
        done.append("once more")
        return len(done)

    assert [await ports.once(name, act) for name in ("a", "b", "a", "b")] == [1, 2, 1, 2]


# -- announced ---------------------------------------------------------------------------------------------------------


async def test_a_marker_names_the_events_that_its_event_led_to(world: World) -> None:
    # given
    later = datetime(2126, 1, 1, tzinfo=UTC)

    async def announce(_: Event[Probed], __: Ports) -> Effects:
        events = (Announce(INSIGHTS, "now", Probed()), Announce(INSIGHTS, "later", Probed(), at=later))
        return Effects((Put({"kind": "thing"}),), events)

    # when
    await world.send(message(probed(), subject="order_placed"))
    await world.deliver(world.process(PROBE, reacting(announce)), to=LISTENS)

    # then
    (marker,) = await world.markers()
    (published,) = await world.events(INSIGHTS, "now")
    now, then = marker["announced"]
    assert now == {"topic": "insights", "type": "now", "key": open_envelope(delivery(published)).key}
    assert (then["type"], then["at"]) == ("later", later.isoformat())

"""What can never succeed is parked with all that an operator needs, and costs no call of the model."""

import json
from typing import Any

import pytest
from azure.servicebus.exceptions import MessageSizeExceededError

from services.kernel.event import MAX_BYTES
from services.kernel.ids import safe_id
from tests.services.events import cloud_event, customer, feedback, message, order
from tests.services.world import World

LINE = {"product_id": "P-100", "quantity": 0, "unit_price": -5}

HOPELESS: dict[str, tuple[Any, str, str, str]] = {
    "no JSON": ('{"specversion": "1.0", "id": ', "unreadable", "not JSON", "ValueError"),
    "no event": ('{"hello": "world"}', "not-an-event", "`specversion`", "Park"),
    "no CloudEvent": (order({"time": "yesterday"}), "not-an-event", "no CloudEvent 1.0: ", "ValueError"),
    "a type nobody knows": (
        cloud_event("customer_deleted", {}, id="e-1"),
        "unknown-type",
        "ai-processor does not know 'customer_deleted'; it knows customer_created, order_placed, feedback_received",
        "Park",
    ),
    "wrong data": (
        order({"id": "e-1"}, items=[LINE]),
        "wrong-schema",
        "items.0.quantity: Input should be greater than or equal to 1 (got '0')",
        "ValidationError",
    ),
    "no data": (feedback({"id": "e-1"}, text=None), "wrong-schema", "text: ", "ValidationError"),
    "too large": (json.dumps(feedback(text="long " * 14_000)), "too-large", f"allowed are {MAX_BYTES:,}", "Park"),
}


@pytest.mark.parametrize(("sent", "reason", "said", "error"), HOPELESS.values(), ids=HOPELESS.keys())
async def test_what_cannot_succeed_is_parked_with_reason_and_origin(
    world: World, sent: Any, reason: str, said: str, error: str
) -> None:
    # when
    await world.send(message(sent, "m-1", subject="order_placed"))
    (received,) = await world.deliver(world.process())

    # then
    (parked,) = await world.parked()
    assert (parked.reason, parked.properties["exception"]) == (reason, error)
    assert said in parked.description
    assert parked.body == (sent if isinstance(sent, str) else json.dumps(sent)).encode()
    assert parked.properties["topic"] == "data-changes"
    assert parked.properties["subscription"] == "ai-processor"
    assert parked.properties["attempt"] == 1
    assert parked.properties["first_id"] == "m-1"
    assert parked.properties["origin"] == f"ai-processor~{received.sequence_number}"
    named = isinstance(sent, dict) and sent["id"] == "e-1"
    assert parked.properties["event"] == (safe_id("/shop", "e-1") if named else "")

    # then: it cost nothing and changed nothing
    assert not world.model.stats().asked
    assert not await world.documents()
    assert not await world.insights()
    assert not await world.waiting()


async def test_a_message_that_dead_letters_cannot_take_is_left_to_the_broker(world: World) -> None:
    # given: with the reasons it was parked for it is larger than a message may be
    huge = b"x" * 261_900
    await world.send(message(huge))
    process = world.process()

    # when
    for _ in range(10):
        with pytest.raises(MessageSizeExceededError):
            await world.deliver(process)

    # then
    (dead,) = await world.parked()
    assert dead.reason == "MaxDeliveryCountExceeded"
    assert dead.body == huge


@pytest.mark.parametrize("customer_id", ["C-1", "C-2"], ids=["the same entity", "another entity"])
async def test_an_id_that_was_used_for_another_content_is_parked(world: World, customer_id: str) -> None:
    # given
    process = world.process()
    await world.send(message(customer({"id": "e-1"})))
    await world.deliver(process)
    before = await world.documents()

    # when
    await world.send(message(customer({"id": "e-1"}, customer_id=customer_id, company="", employees=None)))
    await world.deliver(process)

    # then
    (parked,) = await world.parked()
    assert parked.reason == "id-reused"
    assert "'e-1' of '/shop'" in parked.description
    assert await world.documents() == before
    assert len(await world.insights()) == 1


async def test_hostile_application_properties_neither_break_nor_shorten_anything(world: World) -> None:
    # given
    hostile = {"attempt": -7, "spent_tokens": "all", "first_id": 12, "traceparent": "00-zz", "subscription": "mine"}

    # when
    await world.send(
        message(customer(), application_properties=hostile), message("no JSON", "m-2", application_properties=hostile)
    )
    await world.deliver(world.process(), count=2)

    # then
    assert len(await world.records()) == 1
    (parked,) = await world.parked()
    assert (parked.properties["subscription"], parked.properties["attempt"]) == ("ai-processor", 1)
    assert parked.properties["first_id"] == "12"

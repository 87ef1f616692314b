"""Topics, subscriptions, rules and forwarding, with the official client."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageNotFoundError, ServiceBusError

from local.servicebus.config import (
    Config,
    Queue,
    QueueProperties,
    Rule,
    Subscription,
    SubscriptionProperties,
    Topic,
    TopicProperties,
)
from tests.local.servicebus.conftest import Start, drain

SECOND = timedelta(seconds=1)
DEAD = ServiceBusSubQueue.DEAD_LETTER
TRANSFER = ServiceBusSubQueue.TRANSFER_DEAD_LETTER


def subscription(name: str, *rules: Rule, **properties: Any) -> Subscription:
    return Subscription(name=name, rules=rules, properties=SubscriptionProperties(**properties))


def topic(*subscriptions: Subscription, **properties: Any) -> Config:
    found = Topic(name="data-changes", subscriptions=subscriptions, properties=TopicProperties(**properties))
    return Config.of(topics=(found,))


async def test_every_subscription_without_rules_gets_its_own_copy(start: Start) -> None:
    # given
    clients = await start(topic(subscription("a"), subscription("b")))

    # when
    await clients.send("data-changes", "one", "two")

    # then
    assert await clients.receive("data-changes/a") == ["one", "two"]
    assert await clients.receive("data-changes/b") == ["one", "two"]


async def test_a_message_addressed_to_one_subscription_reaches_only_that_one(start: Start) -> None:
    # given the shape of the project: a rule per event type, and one on the subscription's own name
    event, retry = Rule.correlation("placed", label="order_placed"), Rule.correlation
    clients = await start(
        topic(
            subscription("ai-processor", event, retry("retry", to="ai-processor")),
            subscription("saga-starter", event, retry("retry", to="saga-starter")),
        )
    )

    # when
    await clients.send("data-changes", ServiceBusMessage("event", subject="order_placed"))
    await clients.send("data-changes", ServiceBusMessage("again", subject="retry", to="saga-starter"))

    # then
    assert await clients.receive("data-changes/ai-processor") == ["event"]
    assert await clients.receive("data-changes/saga-starter") == ["event", "again"]


async def test_several_matching_rules_of_one_subscription_make_one_copy(start: Start) -> None:
    # given
    rules = Rule.correlation("label", label="x"), Rule.sql("all", "1 = 1")
    clients = await start(topic(subscription("a", *rules)))

    # when
    await clients.send("data-changes", ServiceBusMessage("once", subject="x"))

    # then
    assert await clients.receive("data-changes/a") == ["once"]


async def test_a_sql_rule_selects_by_application_property(start: Start) -> None:
    # given
    clients = await start(topic(subscription("big", Rule.sql("big", "amount > 100 AND sys.Label = 'order'"))))

    # when
    for amount in (50, 150):
        message = ServiceBusMessage(str(amount), subject="order", application_properties={"Amount": amount})
        await clients.send("data-changes", message)

    # then
    assert await clients.receive("data-changes/big") == ["150"]


async def test_a_topic_drops_repeated_message_ids_for_all_its_subscriptions(start: Start) -> None:
    # given
    clients = await start(topic(subscription("a"), subscription("b"), requires_duplicate_detection=True))
    message = ServiceBusMessage("once", message_id="m1")

    # when
    await clients.send("data-changes", message, message)

    # then
    assert await clients.receive("data-changes/a") == ["once"]
    assert await clients.receive("data-changes/b") == ["once"]


async def test_a_topic_holds_what_is_scheduled_and_fans_out_when_it_is_due(start: Start) -> None:
    # given
    clients = await start(topic(subscription("a"), subscription("b", Rule.correlation("none", label="other"))))
    due = datetime.now(UTC) + SECOND

    # when
    numbers = await clients.sender("data-changes").schedule_messages(
        [ServiceBusMessage("first"), ServiceBusMessage("second")], due
    )
    await clients.sender("data-changes").cancel_scheduled_messages(numbers[1])

    # then
    assert numbers == [1, 2]
    receiver = await clients.receiver("data-changes/a")
    assert await receiver.peek_messages(sequence_number=1) == []
    [message] = await drain(receiver)
    assert str(message) == "first"
    assert message.state is ServiceBusMessageState.ACTIVE
    assert await clients.receive("data-changes/b") == []
    with pytest.raises(MessageNotFoundError):
        await clients.sender("data-changes").cancel_scheduled_messages(numbers[0])


async def test_the_shortest_of_message_topic_and_subscription_life_counts(start: Start) -> None:
    # given
    shared = {"dead_lettering_on_message_expiration": True}
    clients = await start(
        topic(
            subscription("short", default_message_time_to_live=SECOND / 4, **shared),
            subscription("long", **shared),
            default_message_time_to_live=60 * SECOND,
        )
    )

    # when
    await clients.send("data-changes", ServiceBusMessage("x", time_to_live=timedelta(hours=1)))
    await asyncio.sleep(0.4)

    # then
    assert len(await drain(await clients.receiver("data-changes/short", sub_queue=DEAD))) == 1
    [held] = await drain(await clients.receiver("data-changes/long"))
    assert held.time_to_live == 60 * SECOND


async def test_a_message_without_session_is_dead_lettered_by_a_subscription_that_needs_one(start: Start) -> None:
    # given
    clients = await start(topic(subscription("ordered", requires_session=True), subscription("plain")))

    # when
    await clients.send("data-changes", "lonely")

    # then
    [dead] = await drain(await clients.receiver("data-changes/ordered", sub_queue=DEAD))
    assert dead.dead_letter_reason == "Session ID is null"
    assert await clients.receive("data-changes/plain") == ["lonely"]


async def test_one_cannot_send_to_a_subscription_nor_receive_from_a_topic(start: Start) -> None:
    # given
    clients = await start(topic(subscription("a")))

    # when / then
    with pytest.raises(ServiceBusError, match="is a subscription: send to its topic"):
        await clients.send("data-changes/Subscriptions/a", "x")
    with pytest.raises(ServiceBusError, match="is a topic: receive from a subscription"):
        await clients.receiver("data-changes")
    with pytest.raises(ServiceBusError, match="takes no messages"):
        await clients.send("data-changes/Subscriptions/a/$DeadLetterQueue", "x")


# Forwarding


def queue(name: str, **properties: Any) -> Queue:
    return Queue(name=name, properties=QueueProperties(**properties))


async def test_a_forwarding_queue_passes_messages_on_and_cannot_be_received_from(start: Start) -> None:
    # given
    clients = await start(Config.of(queues=(queue("first", forward_to="last"), queue("last"))))

    # when
    await clients.send("first", "x")
    await clients.send("first", ServiceBusMessage("later", scheduled_enqueue_time_utc=datetime.now(UTC) + SECOND / 2))

    # then
    assert await clients.receive("last", 2) == ["x", "later"]
    with pytest.raises(ServiceBusError, match="'first' forwards to 'last': receive there"):
        await clients.receiver("first")


async def test_dead_letters_are_forwarded_with_their_reason_and_source(start: Start) -> None:
    # given
    config = Config.of(
        queues=(queue("dead-letters"),),
        topics=(
            Topic(
                name="data-changes",
                subscriptions=(
                    subscription("a", forward_dead_lettered_messages_to="dead-letters", max_delivery_count=1),
                ),
            ),
        ),
    )
    clients = await start(config)
    await clients.send("data-changes", ServiceBusMessage("poison", application_properties={"tenant": "t"}), "unread")
    receiver = await clients.receiver("data-changes/a")
    poison, unread = await drain(receiver, 2)

    # when
    await receiver.abandon_message(poison)
    await receiver.dead_letter_message(unread, reason="Unreadable", error_description="no JSON")

    # then
    first, second = await drain(await clients.receiver("dead-letters"), 2)
    assert first.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert (second.dead_letter_reason, second.dead_letter_error_description) == ("Unreadable", "no JSON")
    assert first.dead_letter_source == "data-changes/Subscriptions/a"
    assert first.delivery_count == 0
    assert (first.application_properties or {})[b"tenant"] == b"t"
    with pytest.raises(ServiceBusError, match="forwards to 'dead-letters'"):
        await clients.receiver("data-changes/a", sub_queue=DEAD)


async def test_a_forwarded_message_that_expired_can_expire_again_where_it_went(start: Start) -> None:
    # given
    config = Config.of(
        queues=(
            queue(
                "first",
                dead_lettering_on_message_expiration=True,
                default_message_time_to_live=SECOND / 2,
                forward_dead_lettered_messages_to="last",
            ),
            queue("last", dead_lettering_on_message_expiration=True),
        )
    )
    clients = await start(config)

    # when
    await clients.send("first", "x")

    # then
    [dead] = await drain(await clients.receiver("last", sub_queue=DEAD))
    assert dead.dead_letter_source == "first"


async def test_a_message_forwarded_too_often_ends_in_the_transfer_dead_letter_queue(start: Start) -> None:
    # given a circle
    clients = await start(Config.of(queues=(queue("ping", forward_to="pong"), queue("pong", forward_to="ping"))))

    # when
    await clients.send("ping", "x")

    # then the fifth hop is not made
    [dead] = await drain(await clients.receiver("ping", sub_queue=TRANSFER))
    assert dead.dead_letter_reason == "MaxTransferHopCountExceeded"
    assert str(dead) == "x"

"""subscription -> age and depth of what waits there, by peeking: Azure has no such metric per subscription."""

from datetime import UTC, datetime

from azure.servicebus.aio import ServiceBusClient

from services.kernel.topology import Subscription

COUNTED = 250
"""Depth is counted up to this many messages, one request of the broker's; more is an alert anyway."""


async def measure(client: ServiceBusClient, subscription: Subscription) -> tuple[float | None, int]:
    """Age in seconds of the oldest message that is due, and how many are there (scheduled ones do not count).

    Where messages come in sessions a receiver that peeks would lock one: there the sessions that have messages are
    counted, and the age is not known (None); `events.latency` tells how long an event took.
    """
    if subscription.topic.sessions:
        sessions = client.list_subscription_sessions(subscription.topic.name, subscription.name)
        return None, len([session async for session in sessions])
    receiver = client.get_subscription_receiver(subscription.topic.name, subscription.name)
    async with receiver:
        messages = await receiver.peek_messages(max_message_count=COUNTED)
    now = datetime.now(UTC)
    due = [message.enqueued_time_utc for message in messages if message.enqueued_time_utc]
    waiting = [enqueued for enqueued in due if enqueued <= now]
    return (max(0.0, (now - min(waiting)).total_seconds()) if waiting else 0.0), len(waiting)

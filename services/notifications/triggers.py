"""insights, entity-events, notifications -> the service; no logic here."""

import azure.functions as func

from services.kernel.triggers import housekeeping
from services.notifications.handler import SERVICE
from services.notifications.topology import NOTIFIER, NOTIFIER_OF_FACTS, STANDARD, URGENT

triggers = func.Blueprint()
housekeeping(triggers, SERVICE)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=NOTIFIER.topic.name,
    subscription_name=NOTIFIER.name,
    connection="ServiceBus",
)
async def on_insight(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, NOTIFIER)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=NOTIFIER_OF_FACTS.topic.name,
    subscription_name=NOTIFIER_OF_FACTS.name,
    connection="ServiceBus",
)
async def on_fact(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, NOTIFIER_OF_FACTS)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=URGENT.topic.name,
    subscription_name=URGENT.name,
    connection="ServiceBus",
)
async def on_urgent(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, URGENT)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=STANDARD.topic.name,
    subscription_name=STANDARD.name,
    connection="ServiceBus",
)
async def on_standard(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, STANDARD)

"""data-changes/ai-processor -> the service; no logic here."""

import azure.functions as func

from services.inference.handler import SERVICE
from services.inference.topology import AI_PROCESSOR
from services.kernel.triggers import housekeeping

triggers = func.Blueprint()
housekeeping(triggers, SERVICE)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=AI_PROCESSOR.topic.name,
    subscription_name=AI_PROCESSOR.name,
    connection="ServiceBus",
)
async def on_data_change(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, AI_PROCESSOR)

"""the subscriptions of a saga, its doors and its timers -> the service; no logic here."""

import azure.functions as func

from services.entities import SAGA_STEPS
from services.kernel.approvals import approval_functions
from services.kernel.triggers import housekeeping
from services.saga.handler import SERVICE
from services.saga.http import saga_functions
from services.saga.topology import ASKED_FOR, ESCALATED, FOUND_OUT, ORCHESTRATOR, STEP_WORKER, TIMEKEEPER

triggers = func.Blueprint()
housekeeping(triggers, SERVICE)
approval_functions(triggers, SERVICE, SAGA_STEPS)
saga_functions(triggers, SERVICE)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=ASKED_FOR.topic.name,
    subscription_name=ASKED_FOR.name,
    connection="ServiceBus",
)
async def on_request(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, ASKED_FOR)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=FOUND_OUT.topic.name,
    subscription_name=FOUND_OUT.name,
    connection="ServiceBus",
)
async def on_insight(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, FOUND_OUT)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=ESCALATED.topic.name,
    subscription_name=ESCALATED.name,
    connection="ServiceBus",
)
async def on_escalation(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, ESCALATED)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=ORCHESTRATOR.topic.name,
    subscription_name=ORCHESTRATOR.name,
    connection="ServiceBus",
    is_sessions_enabled=True,
)
async def on_progress(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, ORCHESTRATOR)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=STEP_WORKER.topic.name,
    subscription_name=STEP_WORKER.name,
    connection="ServiceBus",
    is_sessions_enabled=True,
)
async def on_step(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, STEP_WORKER)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=TIMEKEEPER.topic.name,
    subscription_name=TIMEKEEPER.name,
    connection="ServiceBus",
)
async def on_time(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, TIMEKEEPER)

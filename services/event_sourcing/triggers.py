"""entity-commands/decider, entity-events/projector, HTTP -> the service; no logic here."""

import azure.functions as func

from services.entities import ENTITY_COMMANDS
from services.event_sourcing import doors
from services.event_sourcing.handler import SERVICE
from services.event_sourcing.topology import DECIDER, PROJECTOR
from services.kernel.approvals import approval_functions
from services.kernel.problem import answers
from services.kernel.triggers import housekeeping

triggers = func.Blueprint()
housekeeping(triggers, SERVICE)
approval_functions(triggers, SERVICE, ENTITY_COMMANDS)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=DECIDER.topic.name,
    subscription_name=DECIDER.name,
    connection="ServiceBus",
    is_sessions_enabled=True,
)
async def on_command(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, DECIDER)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=PROJECTOR.topic.name,
    subscription_name=PROJECTOR.name,
    connection="ServiceBus",
)
async def on_entity_event(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, PROJECTOR)


@triggers.route("cases/{case}", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers
async def show_case(request: func.HttpRequest) -> func.HttpResponse:
    return await doors.show_case(SERVICE, request)


@triggers.route(
    "projections/rebuild", trigger_arg_name="request", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS
)
@answers
async def rebuild_projections(request: func.HttpRequest) -> func.HttpResponse:
    return await doors.rebuild(SERVICE, request)

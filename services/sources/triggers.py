"""HTTP, webhook, clock -> the handlers; no logic here."""

from datetime import UTC, datetime

import azure.functions as func

from services.kernel.problem import answers
from services.kernel.settings import settings
from services.sources import handler

triggers = func.Blueprint()
settings()  # with one that is out of range the app does not start


@triggers.route("events", trigger_arg_name="request", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers
async def events(request: func.HttpRequest) -> func.HttpResponse:
    return await handler.take_events(request, datetime.now(UTC))


@triggers.route("alerts", trigger_arg_name="request", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers
async def alerts(request: func.HttpRequest) -> func.HttpResponse:
    return await handler.take_alert(request)


@triggers.timer_trigger(arg_name="timer", schedule="%Schedule_say_digest_due%", use_monitor=True)
@triggers.retry(strategy="fixed_delay", max_retry_count="10", delay_interval="00:00:30")
async def say_digest_due(timer: func.TimerRequest) -> None:  # noqa: ARG001
    await handler.say_digest_due(datetime.now(UTC))

"""The timers that every pattern has besides its own triggers."""

import azure.functions as func

from services.kernel.service import Service
from services.kernel.settings import settings


def housekeeping(triggers: func.Blueprint, service: Service) -> None:
    """Add the timers of services.entities.HOUSEKEEPING to a pattern's triggers.

    Settings are read here, when the app starts: with one that is out of range it does not, and messages wait.
    """
    settings()

    @triggers.timer_trigger(arg_name="timer", schedule="%Schedule_sweep_outbox%")
    async def sweep_outbox(timer: func.TimerRequest) -> None:  # noqa: ARG001  # pyright: ignore[reportUnusedFunction]
        await service.sweep_outbox()

    @triggers.timer_trigger(arg_name="timer", schedule="%Schedule_measure_backlog%")
    async def measure_backlog(timer: func.TimerRequest) -> None:  # noqa: ARG001  # pyright: ignore[reportUnusedFunction]
        await service.measure_backlog()

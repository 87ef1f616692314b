"""schedule -> due -> the function, one run at a time

In Azure a timer runs on one instance only (a blob lease), and `use_monitor` keeps the last run in storage so that one
missed while the app was down is made up for. Here a host runs its own timers, and it remembers where it is given a
folder to remember in.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter

from local.host.apps import HostedFunction
from local.host.invoke import Invoker
from local.host.listeners import Signals
from local.host.retries import RetryInterruptedError, with_retries
from local.host.triggers import TimerTrigger

_log = logging.getLogger(__name__)


class TimerListener:
    """Runs a timer function whenever its schedule says so; a run that takes longer swallows what fell due meanwhile."""

    def __init__(
        self,
        function: HostedFunction,
        trigger: TimerTrigger,
        invoke: Invoker,
        memory: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._function, self._trigger, self._invoke, self._now = function, trigger, invoke, now
        remembers = memory is not None and trigger.use_monitor
        self._memory = memory / f"{function.app}.{function.name}.json" if memory and remembers else None
        self._last = self._recall()

    def __str__(self) -> str:
        return f"{self._function} <- {self._trigger.schedule.text} (next at {self._due():%H:%M:%S} UTC)"

    async def listen(self, signals: Signals) -> None:
        """See `Listener`."""
        signals.ready.set()
        due = self._due()
        if self._trigger.run_on_startup or due <= self._now():
            await self._run(signals, past_due=due <= self._now())
            due = self._due()
        while not signals.stopping.is_set():
            await signals.pause((due - self._now()).total_seconds())
            if not signals.stopping.is_set() and self._now() >= due:
                await self._run(signals, past_due=False)
                due = self._trigger.schedule.next_after(self._now())

    def _due(self) -> datetime:
        return self._trigger.schedule.next_after(self._last or self._now())

    async def _run(self, signals: Signals, *, past_due: bool) -> None:
        """Call the function, again where it declares a retry policy; failures are logged, the schedule goes on."""
        request = self._request(past_due=past_due)
        with contextlib.suppress(RetryInterruptedError):
            await with_retries(self._function, self._invoke, request, signals)
        self._last = self._now()
        self._remember()

    def _request(self, *, past_due: bool) -> Any:
        last = self._last.isoformat() if self._last else "0001-01-01T00:00:00+00:00"
        status = {"Last": last, "LastUpdated": last, "Next": self._trigger.schedule.next_after(self._now()).isoformat()}
        info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
        converter = cast("Any", TimerRequestConverter)  # its decode is untyped
        return converter.decode(Datum(json.dumps(info), "json"), trigger_metadata={})

    def _recall(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self._memory.read_text(encoding="utf-8")) if self._memory else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning(
                "%s: %s is unreadable (%s); a run missed before is not made up for", self._function, self._memory, error
            )
            return None

    def _remember(self) -> None:
        if self._memory:
            written = self._memory.with_suffix(f".{os.getpid()}")
            written.write_text((self._last or self._now()).isoformat(), encoding="utf-8")
            written.replace(self._memory)

"""a call that failed -> called again, as far as the function's retry policy goes

The host honours `@app.retry` for Cosmos and timer triggers and counts in memory: a restart begins anew
(https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages). Service Bus has its own redelivery.
"""

import logging

from local.host.apps import HostedFunction
from local.host.invoke import Invoker, RetryContext, TraceContext, in_one_line
from local.host.listeners import Signals

_log = logging.getLogger(__name__)


class RetryInterruptedError(Exception):
    """The host stops while a retry was due: what was to be handled is not, and is no failure either."""


async def with_retries(function: HostedFunction, invoke: Invoker, argument: object, signals: Signals) -> bool:
    """Call until it succeeds or no retry is left; whether it succeeded. Failures are logged, not raised.

    Raises:
        RetryInterruptedError: when the host stops before the next retry.
    """
    attempt = 0
    while True:
        context = RetryContext(attempt, function.retry.max_retry_count if function.retry else 0)
        try:
            await invoke(function, argument, TraceContext(), context)
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            attempt += 1
            delay = function.retry.delay(attempt) if function.retry else None
            again = f"; again in {delay}" if delay is not None else ""
            _log.warning("%s failed: %s%s", function, in_one_line(error), again)
            _log.debug("%s failed", function, exc_info=True)
            if delay is None:
                return False
            await signals.pause(delay.total_seconds())
            if signals.stopping.is_set():
                raise RetryInterruptedError from None
        else:
            return True

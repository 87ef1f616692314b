"""a trigger's argument -> the user's function -> its answer, or why there is none"""

import asyncio
import contextvars
import functools
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import azure.functions as func

from local.host.apps import HostedFunction

_log = logging.getLogger(__name__)
_local = threading.local()


class FunctionTimedOutError(Exception):
    """The function ran longer than host.json's functionTimeout."""

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(f"ran longer than the functionTimeout of {timeout}")


@dataclass(frozen=True)
class TraceContext:
    """The W3C trace context that the trigger brought; empty strings where it brought none."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, carrier: Mapping[str, object]) -> "TraceContext":
        """Read a message's application properties, or a request's headers."""
        parent = carrier.get("traceparent") or carrier.get("Diagnostic-Id") or ""
        return cls(str(parent), str(carrier.get("tracestate") or ""))


@dataclass(frozen=True)
class RetryContext:
    retry_count: int = 0
    max_retry_count: int = 0
    exception: Any = None


@dataclass(frozen=True)
class Context:
    """What `context: func.Context` sees; registered as one, for a dataclass cannot fill in abstract properties."""

    function_name: str
    function_directory: str
    trace_context: TraceContext
    retry_context: RetryContext
    invocation_id: str = field(default_factory=lambda: str(uuid4()))
    thread_local_storage: Any = _local


func.Context.register(Context)


class Invoker:
    """Calls functions: async ones in this loop, the others in threads, as the Python worker does.

    The number of threads is the setting PYTHON_THREADPOOL_THREAD_COUNT, else Python's own default.
    """

    def __init__(self) -> None:
        threads = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
        self._threads = ThreadPoolExecutor(int(threads) if threads.isdigit() else None, "function")

    async def __call__(
        self, function: HostedFunction, argument: object, trace: TraceContext, retry: RetryContext | None = None
    ) -> Any:
        """Call `function` and return what it returns.

        Raises:
            FunctionTimedOutError: after the app's functionTimeout. An async function is cancelled; a thread cannot be,
                so it runs on unheeded (Azure restarts the whole worker).
            Exception: whatever the function raises.
        """
        directory = str(Path(function.call.__code__.co_filename).parent)
        arguments = {function.argument: argument}
        if function.takes_context:
            arguments["context"] = Context(function.name, directory, trace, retry or RetryContext())
        limit = asyncio.timeout(function.timeout.total_seconds() if function.timeout else None)
        try:
            async with limit:
                if function.is_async:
                    return await function.call(**arguments)
                call = functools.partial(contextvars.copy_context().run, function.call, **arguments)
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError:
            if limit.expired() and function.timeout:
                raise FunctionTimedOutError(function.timeout) from None
            raise

    def close(self) -> None:
        """Give up the threads: queued calls are dropped, running ones end with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def in_one_line(error: BaseException) -> str:
    """The type and the first line of an exception: enough for a log that is read while it scrolls."""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

"""what every trigger's listener is to the host, and how each of them tries again"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from local.host.invoke import in_one_line

_log = logging.getLogger(__name__)


@dataclass
class Signals:
    """One listener's two signals: it sets `ready` once it would see an event; the host sets `stopping`."""

    stopping: asyncio.Event
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, seconds: float) -> None:
        """Sleep, but not longer than until the host stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)


class Listener(Protocol):
    """Listens until the host stops and returns when what it runs has finished; cancelled, it lets go at once."""

    async def listen(self, signals: Signals) -> None:
        """Listen.

        Raises:
            HostError: when what it is to listen to cannot be had at start.
        """
        ...


class Slots:
    """At most `size` pieces of work at once, each in a task of its own; leaving the context cancels what still runs."""

    def __init__(self, size: int) -> None:
        self._size, self._free, self._tasks = size, asyncio.Semaphore(size), set[asyncio.Task[None]]()

    async def take(self) -> None:
        """Wait for a free slot and take it; `run` or `give_back` it."""
        await self._free.acquire()

    def give_back(self) -> None:
        self._free.release()

    def run(self, work: Coroutine[Any, Any, None], then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run `work` in the slot that was taken, give the slot back, then do what may take a while."""

        async def both() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - a task's exception would be seen by nobody
                _log.exception("the host has a mistake: %s", in_one_line(error))
            finally:
                self.give_back()
                if then:
                    await then()

        task = asyncio.create_task(both())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drained(self) -> None:
        """Wait until nothing runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel what runs and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cancel()


class Backoff:
    """Seconds to wait before trying again: 1, 2, 4 ... 30."""

    def __init__(self) -> None:
        self._next = 1.0

    def reset(self) -> None:
        self._next = 1.0

    def next(self) -> float:
        seconds, self._next = self._next, min(self._next * 2, 30.0)
        return seconds

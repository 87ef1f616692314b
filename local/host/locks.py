"""a lock -> kept, by renewing at half of what is left, until the work is done or the limit is reached

azure-servicebus has an AutoLockRenewer; it looks once a second and counts a lock's duration in whole seconds, so it
loses locks that are shorter than about three.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from local.host.invoke import in_one_line

_log = logging.getLogger(__name__)
_SHORTEST = 0.05


@contextlib.asynccontextmanager
async def kept(
    locked_until: Callable[[], datetime | None], renew: Callable[[], Awaitable[object]], limit: timedelta, *, what: str
) -> AsyncGenerator[None]:
    """Keep a lock while the body runs, for at most `limit`; zero leaves it alone.

    A lock that cannot be renewed is logged and let go: the broker delivers its message again. A renewal under way is
    never cancelled, because it shares a connection with everything else that its receiver does.
    """
    done = asyncio.Event()

    async def renewing() -> None:
        deadline = time.monotonic() + limit.total_seconds()
        while (left := deadline - time.monotonic()) > 0 and (until := locked_until()):
            pause = max((until - datetime.now(UTC)).total_seconds() / 2, _SHORTEST)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), min(pause, left))
            if done.is_set() or time.monotonic() >= deadline:
                return
            try:
                await renew()
            except Exception as error:  # noqa: BLE001 - a broken connection is not always a ServiceBusError
                if not done.is_set():
                    _log.warning("%s: the lock could not be renewed (%s)", what, in_one_line(error))
                return

    renewal = asyncio.create_task(renewing())
    try:
        yield
    finally:
        done.set()
        await renewal

"""reserve -> call -> settle: tokens per event type and UTC day, shared by all processes.

A document per event type and day counts what is reserved. A process reserves in blocks and spends from its own, so the
count costs one write per block, not one per event. What is not used is given back when the process has asked nothing
for a while; what a process holds when it crashes is lost to that day: the budget errs on the side of spending less. A
block is at most a hundredth of the day's budget, so that many short-lived processes do not lock it up.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from azure.cosmos.exceptions import (
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from services.entities import BUDGETS
from services.kernel.outcome import Retry
from services.kernel.settings import BudgetSettings
from services.kernel.store import Store, passing_trouble

Level = Literal["open", "soft", "hard"]
"""How much is left: enough; so little that a smaller model should answer; nothing."""

IDLE = 15.0
"""Seconds without a call after which a process gives back what it holds; an instance that scales in lives longer."""
ASK_AGAIN = 30.0
"""Seconds after which a process that was refused looks whether another gave something back."""


@dataclass
class _Purse:
    day: str
    left: int = 0
    level: Level = "open"
    refused_at: float | None = None
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Who comes while a block is being taken waits for it, or each of them would take one."""


@dataclass(frozen=True)
class Reservation:
    """Tokens set aside for one call; at `hard` there are none, and no call may be made."""

    level: Level
    tokens: int
    purse: _Purse
    settled: Callable[[], None]

    def settle(self, used: int) -> None:
        """Put back what the call did not use; one that used more is paid from what is set aside next.

        Back goes to where it came from: what was reserved yesterday is not spent today.
        """
        self.purse.left += self.tokens - used
        self.settled()


def today() -> str:
    return datetime.now(UTC).date().isoformat()


class Budget:
    """The budget of one process."""

    def __init__(
        self,
        store: Store,
        settings: BudgetSettings,
        day: Callable[[], str] = today,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._settings, self._day, self._clock = store, settings, day, clock
        self._purses: dict[str, _Purse] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._giving: asyncio.Task[None] | None = None

    async def reserve(self, event_type: str, tokens: int) -> Reservation:
        """Set `tokens` aside for one call, which settles when it ends."""
        purse = self._purse(event_type)
        async with purse.taking:
            if purse.left < tokens and not self._recently_refused(purse):
                missing = tokens - purse.left
                for wanted in dict.fromkeys((max(self._settings.at_once, missing), missing)):
                    if await self._take(event_type, purse, wanted):
                        break
                else:
                    purse.refused_at = self._clock()
            if purse.left < tokens:
                return Reservation("hard", 0, purse, self._wait_for_idleness)
            purse.left -= tokens
            return Reservation(purse.level, tokens, purse, self._wait_for_idleness)

    async def give_back(self) -> None:
        """Return what was reserved and not used. Calls may go on meanwhile, so it leaves the purse first."""
        for event_type, purse in list(self._purses.items()):
            if purse.left > 0 and purse.day == self._day():
                unused, purse.left = purse.left, 0
                with suppress(Retry):  # whether it arrived is unknown: rather lost to the day than spent twice
                    await self._patch(event_type, purse.day, -unused, limit=None)

    def _wait_for_idleness(self) -> None:
        """Give back some time after the last call. In the process that holds it: elsewhere there is nothing to give."""
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE, self._start_giving)

    def _start_giving(self) -> None:
        self._giving = asyncio.create_task(self.give_back())

    def _purse(self, event_type: str) -> _Purse:
        purse = self._purses.get(event_type)
        if purse is None or purse.day != self._day():
            purse = self._purses[event_type] = _Purse(self._day())
        return purse

    def _recently_refused(self, purse: _Purse) -> bool:
        return purse.refused_at is not None and self._clock() - purse.refused_at < ASK_AGAIN

    async def _take(self, event_type: str, purse: _Purse, tokens: int) -> bool:
        reserved = await self._patch(event_type, purse.day, tokens, limit=self._settings.hard - tokens)
        if reserved is None:
            return False
        purse.left += tokens
        purse.level = "soft" if reserved > self._settings.soft else "open"
        return True

    async def _patch(self, event_type: str, day: str, tokens: int, limit: int | None) -> int | None:
        """Count `tokens` more if no more than `limit` are counted now; the new count, or None if refused."""
        condition: dict[str, Any] = {} if limit is None else {"filter_predicate": f"FROM c WHERE c.reserved <= {limit}"}
        increment: list[dict[str, Any]] = [{"op": "incr", "path": "/reserved", "value": tokens}]
        async with passing_trouble():
            container = await self._store.container(BUDGETS)
            for _ in range(2):
                try:
                    document = await container.patch_item(day, event_type, increment, **condition)
                    return int(document["reserved"])
                except CosmosResourceNotFoundError:
                    with suppress(CosmosResourceExistsError):  # another process opened the day
                        await container.create_item({"id": day, BUDGETS.partition_key: event_type, "reserved": 0})
                except CosmosHttpResponseError as error:
                    if error.status_code == 412:  # noqa: PLR2004 - the condition did not hold
                        return None
                    raise
        return None

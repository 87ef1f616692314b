"""closed -> (failures in a row) -> open -> (after a while) -> one probe -> closed or open again"""

import time
from collections.abc import Callable


class Breaker:
    """Stops asking a model that keeps failing. One per process and tier.

    `failures` in a row open it for `rest` seconds; then a single call is let through, and decides.
    """

    def __init__(self, failures: int = 5, rest: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures, self._rest, self._clock = failures, rest, clock
        self._in_a_row = 0
        self._opened: float | None = None
        self._probing = False

    def allows(self) -> bool:
        """Whether a call may be made now. Who is allowed must report `succeeded`, `failed` or `gave_up`."""
        if self._opened is None:
            return True
        if self._probing or self._clock() - self._opened < self._rest:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._in_a_row, self._opened, self._probing = 0, None, False

    def failed(self) -> None:
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._failures:
            self._opened = self._clock()
        self._probing = False

    def gave_up(self) -> None:
        """The call ended without telling anything about the model: it was cancelled."""
        self._probing = False

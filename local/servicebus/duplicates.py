"""message id -> seen within the window? -> dropped

The duplicate detection of one queue or topic, pure as `queues.py`. The window is in milliseconds.
"""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass
class History:
    """Ids with the time until which they are remembered, oldest first."""

    window: int
    until: OrderedDict[str, int] = field(default_factory=OrderedDict[str, int])
    dirty: set[str] = field(default_factory=set[str])

    def seen(self, message_id: str, now: int) -> bool:
        """Whether this id came within the window; if not, it has come now."""
        self.forget(now)
        if message_id in self.until:
            return True
        self.until[message_id] = now + self.window
        self.dirty.add(message_id)
        return False

    def forget(self, now: int) -> None:
        while self.until and next(iter(self.until.values())) <= now:
            message_id, _ = self.until.popitem(last=False)
            self.dirty.add(message_id)

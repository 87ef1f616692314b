"""What can become of a delivery.

    Exception
    ├── Park      will never succeed: to `dead-letters`, with a reason an operator can act on
    ├── Retry     may succeed later: a copy is scheduled, the original completes
    └── Conflict  somebody else wrote first: load, ask (the ledger answers) and decide again

A handler that returns is done. Any other exception is a fault of ours: the host abandons the message, and after
`max_delivery_count` deliveries the broker dead-letters it, so that not even a bug loses an event.
"""


class Park(Exception):  # noqa: N818 - named for what the host does, not for what went wrong
    """Give up on this event: `reason` is a short slug, `description` says which value and what is allowed."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description


class Retry(Exception):  # noqa: N818
    """Try this event again, `after` seconds from now (None: the kernel's own backoff).

    `spent` are the tokens that this attempt cost without leaving an answer in the ledger.
    """

    def __init__(self, reason: str, description: str, after: float | None = None, spent: int = 0) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description
        self.after = after
        self.spent = spent


class Conflict(Exception):  # noqa: N818
    """An ETag did not match, or a document that should be new exists: what was decided on is out of date."""

"""What time it is: quiet hours, caps and digests are decided by it, so it is asked in one place."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)

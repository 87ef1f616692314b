"""delivery + Retry -> how long to wait, or that it was tried often enough"""

import random

from services.kernel.delivery import Delivery
from services.kernel.outcome import Park, Retry
from services.kernel.settings import RetrySettings

LONGEST_ASKED = 24 * 3600.0
"""Seconds that an event waits at most when it is asked to: who asks for more is mistaken."""

IN_PLACE = 60.0
"""Seconds that an event of a session may wait within its lock in all: behind it, its whole session waits."""


def backoff(delivery: Delivery, limits: RetrySettings) -> float:
    """Seconds to wait after this attempt where nobody says how long; without jitter."""
    return min(limits.cap, limits.base * 2 ** (delivery.attempt - 1))


def wait_after(delivery: Delivery, retry: Retry, limits: RetrySettings) -> float:
    """Seconds to wait: our own backoff, or longer where that was asked for; with jitter on top, or what failed together
    comes together. Who asks for milliseconds, as throttled services do, does not wear out an event's attempts.
    """
    asked = min(LONGEST_ASKED, retry.after or 0.0)
    return max(backoff(delivery, limits), asked) * random.uniform(1.0, 1.25)


def is_last(delivery: Delivery, limits: RetrySettings) -> bool:
    """Whether no attempt follows this one: attempts are limited, and so are the tokens they cost in vain."""
    return delivery.attempt >= limits.attempts or delivery.spent > limits.tokens


def exhausted(delivery: Delivery, retry: Retry, limits: RetrySettings) -> Park | None:
    """Why this delivery will not be tried again, or None."""
    if not is_last(delivery, limits):
        return None
    return gave_up(f"{delivery.attempt} attempts and {delivery.spent + retry.spent} tokens", retry)


def gave_up(after: str, retry: Retry) -> Park:
    """The end of trying, with what stood in the way last as its cause."""
    park = Park("retries-exhausted", f"{after} were not enough: {retry}")
    park.__cause__ = retry
    return park

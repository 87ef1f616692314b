"""entry -> payload with the annotations that Azure adds"""

from typing import Any

from local.servicebus.codec import long, timestamp
from local.servicebus.message import ENQUEUE_SEQUENCE
from local.servicebus.queues import Entry


def as_received(entry: Entry, locked_until: int | None = None) -> bytes:
    """What a receiver gets of this entry; without a lock it was peeked, or is gone already."""
    annotations: dict[str, Any] = {
        "x-opt-sequence-number": long(entry.seq),
        "x-opt-enqueued-time": timestamp(entry.enqueued),
        "x-opt-message-state": int(entry.state),
    }
    if ENQUEUE_SEQUENCE not in entry.message.annotations:
        annotations[ENQUEUE_SEQUENCE] = long(entry.seq)
    if locked_until is not None:
        annotations["x-opt-locked-until"] = timestamp(locked_until)
    return entry.message.wire(entry.delivery_count, **annotations)

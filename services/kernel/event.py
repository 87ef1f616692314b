"""delivery -> event: parse at the door, types inside.

Accepted are CloudEvents 1.0 in structured JSON mode and the bare form `{"type": ..., "data": {...}}`. A bare event has
no id of its own: it takes the message id of its first delivery, which every retry copy carries on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar, cast

from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from services.kernel.delivery import Delivery
from services.kernel.ids import fingerprint, safe_id
from services.kernel.outcome import Park

MAX_BYTES = 64 * 1024
"""The largest event body that is looked at. Larger ones would be paid for in tokens; they belong in a claim check."""

SKEW = timedelta(hours=1)
"""How far a producer's clock may be ahead."""

BARE = "urn:bare"
"""The source of events that name none."""


class EventData(BaseModel):
    """What an event says, as the pattern that listens to it understands it; unknown fields are let through unread."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, str_max_length=20_000)

    TYPE: ClassVar[str]


D_co = TypeVar("D_co", bound=EventData, covariant=True)


@dataclass(frozen=True)
class Event(Generic[D_co]):
    """One event. `key` is unique per source and id and fits every store; `time` is None for a bare event."""

    id: str
    source: str
    type: str
    time: datetime | None
    data: D_co
    key: str
    fingerprint: str

    def must_be(self, fingerprint: str) -> None:
        """Check that what is remembered under this event's key is about this event.

        Raises:
            Park: `id-reused`, if its fingerprint is that of another content.
        """
        if fingerprint != self.fingerprint:
            raise Park("id-reused", f"event id {self.id!r} of {self.source!r} came before with another content")


@dataclass(frozen=True)
class Envelope:
    """What every event has, before its data are understood."""

    id: str
    source: str
    type: str
    time: datetime | None
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        return safe_id(self.source, self.id)

    @property
    def fingerprint(self) -> str:
        return fingerprint(json.dumps([self.type, self.data], sort_keys=True))


def open_envelope(delivery: Delivery) -> Envelope:
    """Read what a delivery carries.

    Raises:
        Park: `too-large`, `unreadable` (no JSON object), `not-an-event` (neither CloudEvent nor bare form) or
            `from-the-future`.
    """
    if len(delivery.body) > MAX_BYTES:
        raise Park(
            "too-large",
            f"the body has {len(delivery.body):,} bytes, allowed are {MAX_BYTES:,}: send a reference",
        )
    content = read_json(delivery.body)
    if not isinstance(content, dict):
        raise Park("unreadable", f"the body is a JSON {type(content).__name__}, expected an object")
    fields = cast("dict[str, Any]", content)
    return _structured(fields, delivery) if "specversion" in fields else _bare(fields, delivery)


def read_json(body: bytes) -> Any:
    """JSON as everybody reads it the same.

    Raises:
        Park: `unreadable`.
    """
    try:
        from_json(body, allow_inf_nan=False)  # stricter: no NaN, no half characters, no endless nesting
        return json.loads(body)  # no number of thousands of digits
    except ValueError as error:
        raise Park("unreadable", f"the body is not JSON: {error}") from error


def understand(envelope: Envelope, data_type: type[D_co]) -> Event[D_co]:
    """Check the data against what the listener expects.

    Raises:
        Park: `wrong-schema`, naming each field, its value and what is expected.
    """
    try:
        data = data_type.model_validate(envelope.data)
    except ValidationError as error:
        raise Park("wrong-schema", f"{envelope.type}: {sentence(error)}") from error
    return Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        time=envelope.time,
        data=data,
        key=envelope.key,
        fingerprint=envelope.fingerprint,
    )


def _structured(fields: Mapping[str, Any], delivery: Delivery) -> Envelope:
    if "id" not in fields:  # the library would make one up, another one for each delivery
        raise Park("not-an-event", "`id` is missing, and CloudEvents 1.0 requires it")
    try:
        event = JSONFormat().read(CloudEvent, delivery.body)
    except CloudEventValidationError as error:
        raise Park("not-an-event", " ".join(str(error).split())[:500]) from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:  # no time, no base64
        raise Park("not-an-event", f"no CloudEvent 1.0: {error}") from error
    data = event.get_data()
    if not isinstance(data, dict):
        raise Park("not-an-event", f"`data` is {type(data).__name__}, expected a JSON object")
    time = event.get_time() if "time" in fields else None  # the library would take the present
    if time and delivery.enqueued and time > delivery.enqueued + SKEW:  # every later event of its entity would be stale
        raise Park("from-the-future", f"`time` is {time.isoformat()}, sent at {delivery.enqueued.isoformat()}")
    return Envelope(event.get_id(), event.get_source(), event.get_type(), time, data)


def _bare(fields: Mapping[str, Any], delivery: Delivery) -> Envelope:
    kind, data = fields.get("type"), fields.get("data")
    if not isinstance(kind, str) or not kind:
        raise Park("not-an-event", "neither `specversion` (CloudEvents 1.0) nor a `type` (bare form) is there")
    if not isinstance(data, dict):
        raise Park("not-an-event", f"`data` is {type(data).__name__}, expected a JSON object")
    return Envelope(delivery.first_id, BARE, kind, None, cast("dict[str, Any]", data))


def sentence(error: ValidationError) -> str:
    """Each field that is wrong, with why and what was there."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']} (got {str(problem['input'])[:60]!r})"
        for problem in error.errors()[:5]
    )

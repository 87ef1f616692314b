"""the body of a request -> messages for our topics, or a Problem that names each bad event: all are taken, or none

Taken are a CloudEvent 1.0 in structured JSON, a batch or an array of them, and the bare form `{"type", "data"}`, whose
id follows from the request's Idempotency-Key. What a listener would park for its envelope is refused here already, by
the same code (services/kernel/event.py); whether its data fit is for the listener to say.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from services.kernel.delivery import Delivery
from services.kernel.event import MAX_BYTES, Envelope, open_envelope, read_json
from services.kernel.ids import safe_id
from services.kernel.message import Outgoing, entering
from services.kernel.outcome import Park
from services.kernel.problem import Problem
from services.sources.decide import check_source, route

SOURCE = "/sources/events"
"""Where a bare event comes from: here."""
SENT_BY = "sentby"
"""The CloudEvents extension attribute that says whose token an event came in with; a sender cannot set it."""

SINGLE, BATCH, JSON = "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"
MOST_EVENTS = 100
MOST_BYTES = 1024 * 1024
"""Of one request; each event may have services/kernel/event.py's MAX_BYTES."""
KIND = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
"""A type becomes the subject of a message, which filters look at."""
KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Request:
    """What matters of a request: who sends it, what it claims to be, and the key that makes a repetition one."""

    body: bytes
    content_type: str
    sent_by: str
    key: str
    now: datetime


def taken(request: Request) -> list[tuple[str, Outgoing]]:
    """Each event's id and its message, in the order they came in.

    Raises:
        Problem: 413, 415, or 400 with `events`: index, id, reason and description of each bad one.
    """
    if not KEY.fullmatch(request.key):
        raise Problem(
            400, "bad-key", f"Idempotency-Key is {request.key[:60]!r}; allowed are 1 to 200 visible characters"
        )
    events = _events(request)
    found: list[tuple[str, Outgoing]] = []
    bad: list[dict[str, object]] = []
    seen: dict[str, Envelope] = {}
    for index, event in enumerate(events):
        try:
            envelope, message = _message(request, index, event)
            _must_be(seen.setdefault(envelope.key, envelope), envelope)
        except Park as park:
            bad.append({"index": index, **_id_of(event), "reason": park.reason, "description": park.description})
        else:
            found.append((envelope.id, message))
    if bad:
        status = 413 if all(each["reason"] == "too-large" for each in bad) else 400
        raise Problem(status, "bad-events", f"{len(bad)} of {len(events)} events cannot be taken; none was", events=bad)
    return found


def _must_be(first: Envelope, second: Envelope) -> None:
    if first.fingerprint != second.fingerprint:
        raise Park("id-reused", f"`id` {second.id[:60]!r} stands twice in this request, with different contents")


def _events(request: Request) -> list[Any]:
    if len(request.body) > MOST_BYTES:
        raise Problem(413, "too-large", f"the body has {len(request.body):,} bytes, allowed are {MOST_BYTES:,}")
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind not in (SINGLE, BATCH, JSON):
        allowed = f"{SINGLE}, {BATCH} or {JSON}"
        raise Problem(415, "wrong-content-type", f"Content-Type is {kind or 'missing'}; send {allowed}")
    try:
        content = read_json(request.body)
    except Park as park:
        raise Problem(400, park.reason, park.description) from park
    several = isinstance(content, list)
    if several and kind == SINGLE:
        raise Problem(400, "not-an-event", f"the body is an array, but {SINGLE} is one event; send it as {BATCH}")
    if not several and kind == BATCH:
        raise Problem(400, "not-a-batch", f"the body is a JSON {type(content).__name__}, but {BATCH} is an array")
    events = cast("list[Any]", content) if several else [content]
    if not events:
        raise Problem(400, "no-events", "the array is empty; send at least one event")
    if len(events) > MOST_EVENTS:
        raise Problem(413, "too-many", f"{len(events):,} events in one request, allowed are {MOST_EVENTS}")
    return events


def _message(request: Request, index: int, content: Any) -> tuple[Envelope, Outgoing]:
    body = json.dumps(content).encode()
    envelope = open_envelope(_delivery(request, index, body))
    attributes = _attributes(request, envelope, content, body)
    envelope = replace(envelope, source=str(attributes["source"]))
    if not KIND.fullmatch(envelope.type):
        raise Park("bad-type", f"`type` is {envelope.type[:60]!r}; 1 to 100 letters, digits and . _ : / - are allowed")
    topic, session = route(envelope.type, envelope.data)
    message = entering(CloudEvent(attributes, dict(envelope.data)), topic, session=session)
    if len(message.body) > MAX_BYTES:  # with what was added and escaped: its listeners would park it
        raise Park("too-large", f"passed on, the event has {len(message.body):,} bytes; allowed are {MAX_BYTES:,}")
    return envelope, message


def _attributes(request: Request, envelope: Envelope, content: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """What the event says of itself, what it leaves out, and who sent it."""
    given: dict[str, Any] = {"id": envelope.id, "source": SOURCE, "type": envelope.type}
    if "specversion" in content:
        check_source(envelope.source)
        given = dict(JSONFormat().read(CloudEvent, body).get_attributes())
    elif named := [name for name in ("id", "source", "time") if name in content]:
        raise Park("not-an-event", f"{', '.join(named)} is there and `specversion` is not; CloudEvents 1.0 requires it")
    if "time" not in content:
        given["time"] = request.now
    media_type = str(given.setdefault("datacontenttype", JSON))
    if not JSONFormat.JSON_CONTENT_TYPE_PATTERN.match(media_type):
        raise Park("not-an-event", f"`datacontenttype` is {media_type[:60]!r}, but `data` is a JSON object")
    return {**given, SENT_BY: request.sent_by}


def _delivery(request: Request, index: int, body: bytes) -> Delivery:
    """The event as a listener would get it now; a bare one is known by caller, key and place."""
    made_up = safe_id(request.sent_by, str(index), request.key)
    return Delivery(
        body=body,
        message_id=made_up,
        sequence=0,
        first_id=made_up,
        attempt=1,
        spent=0,
        properties={},
        enqueued=request.now,
    )


def _id_of(event: Any) -> dict[str, str]:
    given = cast("dict[str, Any]", event).get("id") if isinstance(event, dict) else None
    return {"id": given[:200]} if isinstance(given, str) else {}

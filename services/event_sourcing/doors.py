"""HTTP -> a case as it is or was, and the rebuild of all views: what the functions in triggers.py answer."""

from datetime import UTC, datetime
from uuid import uuid4

import azure.functions as func
from cloudevents.core.v1.event import CloudEvent

from services.entities import ENTITY_EVENTS, EVENTS
from services.event_sourcing.events import ViewOutdated
from services.event_sourcing.stream import load, stream_of, version_at
from services.event_sourcing.what_if import is_side_stream
from services.kernel.caller import Caller
from services.kernel.message import entering
from services.kernel.problem import Problem, ok
from services.kernel.service import Service

READ = "Cases.Read"
REBUILD = "Projections.Rebuild"
STREAMS_AT_ONCE = 200


async def show_case(service: Service, request: func.HttpRequest) -> func.HttpResponse:
    """The case now, at `?version=`, or at the time `?at=`; from the stream, so never behind it."""
    Caller.of(request).must_have(READ)
    case_id = request.route_params["case"]
    stream = stream_of(case_id)
    version = await _version(service, stream, request.params.get("version"), request.params.get("at"))
    case = (await load(service.documents, stream, version)).case
    if not case.version:
        raise Problem(404, "no-such-case", f"there is no case {case_id!r}, or there was none then")
    if version is not None and version > case.version:
        raise Problem(404, "no-such-version", f"version is {version}; case {case_id!r} has {case.version} of them")
    return ok({"stream": stream, **case.model_dump(mode="json")})


async def rebuild(service: Service, request: func.HttpRequest) -> func.HttpResponse:
    """Have all views made anew, a page of streams a request: repeat it with `?after=` as long as there is a `next`."""
    Caller.of(request).must_have(REBUILD)
    found = await service.documents.query(
        EVENTS,
        f"SELECT TOP {STREAMS_AT_ONCE} c.stream FROM c "  # noqa: S608
        "WHERE c.kind = 'event' AND c.version = 1 AND c.stream > @after ORDER BY c.stream",
        {"after": request.params.get("after", "")},
    )
    streams = [each["stream"] for each in found]
    real = [stream for stream in streams if not is_side_stream(stream)]
    await service.send(entering(_outdated(stream), ENTITY_EVENTS) for stream in real)
    return ok({"streams": len(real), "next": streams[-1] if len(streams) == STREAMS_AT_ONCE else None}, 202)


def _outdated(stream: str) -> CloudEvent:
    data = ViewOutdated(stream=stream, from_start=True).model_dump(mode="json")
    return CloudEvent(
        {
            "id": uuid4().hex,
            "source": "/event_sourcing/rebuild",
            "type": ViewOutdated.TYPE,
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
        },
        data,
    )


async def _version(service: Service, stream: str, version: str | None, at: str | None) -> int | None:
    if version is not None and at is not None:
        raise Problem(400, "two-moments", "say `version` or `at`, not both")
    if version is not None:
        if not version.isascii() or not version.isdigit() or not 1 <= int(version[:16]) <= 2**53:
            raise Problem(400, "no-version", f"version is {version[:40]!r}; allowed are whole numbers from 1")
        return int(version[:16])
    if at is None:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise Problem(400, "no-time", f"at is {at[:40]!r}; expected is a time like 2026-11-25T08:00:00Z") from error
    return await version_at(service.documents, stream, moment if moment.tzinfo else moment.replace(tzinfo=UTC))

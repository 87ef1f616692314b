"""entity-events -> the stream -> one view a case in `views`.

The topic keeps no order and may deliver twice, so a message is only a hint that something happened: the view is brought
up to date from the stream, event by event after its checkpoint. That leaves no gap, and what comes late is stale.
"""

from typing import ClassVar

from services.entities import ENTITY_EVENTS, VIEWS
from services.event_sourcing.aggregate import Case
from services.event_sourcing.events import FACTS, Happened, ViewOutdated
from services.event_sourcing.stream import fold, read
from services.kernel.commit import Home
from services.kernel.effects import Announce, Effects, Put, stale
from services.kernel.event import Event
from services.kernel.outcome import Retry
from services.kernel.ports import Ports
from services.kernel.service import Reaction

REVISION = 1
"""Of what a view holds: raise it with every change of `Case`, `evolve` or `view`; a view of another revision is made
anew at its next event, all of them by `POST /api/projections/rebuild`."""

AT_ONCE = 1_000
"""Events that one message folds at most; a view that is further behind goes on with a message of its own."""


async def project(event: Event[Happened], ports: Ports) -> Effects:
    """A fact was announced: the view must have it afterwards."""
    return await _catch_up(ports, event.data.stream, version=event.data.version, from_start=False)


async def refresh(event: Event[ViewOutdated], ports: Ports) -> Effects:
    """An operator wants the view made anew, or a long stream is not folded to its end."""
    return await _catch_up(ports, event.data.stream, version=None, from_start=event.data.from_start)


async def _catch_up(ports: Ports, stream: str, *, version: int | None, from_start: bool) -> Effects:
    found = await ports.mine(stream)
    usable = found is not None and found["revision"] == REVISION and not from_start
    case = Case.model_validate(found) if usable else Case()
    if version is not None and version <= case.version:
        return stale(f"the view has version {case.version} already")
    tail = await read(ports, stream, after=case.version, at_most=AT_ONCE)
    if not tail and version is None:
        return stale("there is nothing that the view does not have")
    case = fold(case, tail)
    full = len(tail) == AT_ONCE
    if not full and version is not None and case.version < version:
        raise Retry("events-behind", f"version {version} of {stream} is announced, {case.version} can be read")
    more = (Announce(ENTITY_EVENTS, ViewOutdated.TYPE, ViewOutdated(stream=stream)),) if full else ()
    return Effects((Put(view(stream, case), found["_etag"] if found else None),), more)


def view(stream: str, case: Case) -> dict[str, object]:
    """The case with its checkpoint: `version` is the last event that it has in it."""
    return {**case.model_dump(mode="json"), "kind": "case", "stream": stream, "revision": REVISION}


def _one(kind: str) -> type[Happened]:
    class One(Happened):
        TYPE: ClassVar = kind

    return One


REACTIONS = (
    *(Reaction(_one(kind), lambda event: Home(VIEWS, event.data.stream), project) for kind in FACTS),
    Reaction(ViewOutdated, lambda event: Home(VIEWS, event.data.stream), refresh),
)

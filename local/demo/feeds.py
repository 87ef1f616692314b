"""a document that a change feed shows -> the events that the patterns which read this feed make of it

Which they are is for the pattern to say: one that declares a feed (topology.py) has a module `relay` with

    seen(document) -> Outgoing | None        the message about this version of the document; None if it tells nobody

and without it what the feed led to is told as having come in by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from local.demo.world import Event
from services.kernel.message import Outgoing
from services.kernel.topology import Topology

Seen = Callable[[Mapping[str, Any]], Outgoing | None]


@dataclass(frozen=True)
class Feeds:
    """The containers whose changes are read, each with what its readers make of a version."""

    readers: Mapping[str, tuple[Seen, ...]]

    def events(self, container: str, document: Mapping[str, Any]) -> tuple[Event, ...]:
        """What this version becomes."""
        made = [seen(document) for seen in self.readers.get(container, ())]
        return tuple(Event(one.topic, one.subject, one.event_key) for one in made if one)


def feeds_of(patterns: tuple[Topology, ...]) -> Feeds:
    """The readers that the registered patterns declare."""
    readers: dict[str, tuple[Seen, ...]] = {}
    for pattern in patterns:
        for feed in pattern.feeds:
            if seen := _seen(pattern.name):
                name = feed.container.name
                readers[name] = (*readers.get(name, ()), seen)
    return Feeds(readers)


def _seen(pattern: str) -> Seen | None:
    name = f"services.{pattern.replace('-', '_')}.relay"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return cast("Seen | None", getattr(module, "seen", None))

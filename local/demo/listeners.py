"""the registry -> who listens to which event, and so by which topic an event comes in"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.entities import DATA_CHANGES
from services.kernel.topology import Subscription, Topic, Topology
from services.registry import PATTERNS


@dataclass(frozen=True)
class Listener:
    """A subscription and the pattern whose it is."""

    pattern: str
    subscription: Subscription

    @property
    def name(self) -> str:
        return self.subscription.name

    @property
    def topic(self) -> Topic:
        return self.subscription.topic


class Listeners:
    """All subscriptions of the registered patterns."""

    def __init__(self, patterns: Sequence[Topology] = PATTERNS) -> None:
        self.patterns = tuple(patterns)
        self.all = tuple(Listener(pattern.name, one) for pattern in patterns for one in pattern.listens)

    def to(self, topic: str, event_type: str) -> list[Listener]:
        """Who gets this event."""
        return [one for one in self.all if one.topic.name == topic and event_type in one.subscription.event_types]

    def of(self, subscription: str, event_type: str) -> Listener | None:
        """The listener of this name that knows this type: names are used again on other topics."""
        named = [one for one in self.all if one.name == subscription]
        return next((one for one in named if event_type in one.subscription.event_types), None)

    def topic_of(self, event_type: str | None) -> Topic:
        """Where an event of this type comes in: at `data-changes` if it is listened to there, or by nobody; else where
        somebody does, a topic with sessions first.
        """
        topics = {one.topic for one in self.all if event_type in one.subscription.event_types}
        if not topics or DATA_CHANGES in topics:
            return DATA_CHANGES
        return min(topics, key=lambda topic: (not topic.sessions, topic.name))

    @property
    def known(self) -> set[str]:
        """Every event type that somebody listens to."""
        return {name for one in self.all for name in one.subscription.event_types}

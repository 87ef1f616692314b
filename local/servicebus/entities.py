"""Config.json -> queues and topics with their sub-queues, rules, schedules and histories

An entity is what one addresses; a node is one ordered set of messages of it, which a receiver can be attached to.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from local.servicebus.addresses import DEAD_LETTER, TRANSFER_DEAD_LETTER, SubQueue
from local.servicebus.config import (
    FOREVER,
    Config,
    QueueProperties,
    Subscription,
    SubscriptionProperties,
    Topic,
    TopicProperties,
)
from local.servicebus.duplicates import History
from local.servicebus.filters import Copies, copies_by
from local.servicebus.queues import Entry, Queue, Rules, Sequence
from local.servicebus.sessions import Sessions


class Consumer(Protocol):
    """A receiver's link as a node sees it."""

    session_id: str | None
    takes: bool  # receive-and-delete: what is delivered is gone

    @property
    def credit(self) -> int: ...

    def deliver(self, entry: Entry) -> None: ...

    def session_lost(self) -> None: ...


class SessionWaiter(Protocol):
    """A receiver that asked for the next available session."""

    def offer(self, session: str, until: int) -> None: ...


@dataclass
class Node:
    """`path` names it on disk and in refusals; `forward_to` empties it into another entity."""

    path: str
    queue: Queue
    sessions: Sessions | None = None
    forward_to: str = ""
    consumers: deque[Consumer] = field(default_factory=deque[Consumer])
    waiters: deque[SessionWaiter] = field(default_factory=deque[SessionWaiter])


@dataclass
class QueueEntity:
    """A queue or a subscription."""

    path: str
    main: Node
    dead: Node
    transfer: Node
    history: History | None = None

    def node(self, sub_queue: SubQueue) -> Node:
        return {"": self.main, DEAD_LETTER: self.dead, TRANSFER_DEAD_LETTER: self.transfer}[sub_queue]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self.main, self.dead, self.transfer

    @property
    def sequence(self) -> Sequence:
        return self.main.queue.sequence


@dataclass
class SubscriptionEntity(QueueEntity):
    copies: Copies = field(default=lambda message: [message])


@dataclass
class TopicEntity:
    """`main` holds what is scheduled; when due it goes to the subscriptions that take it."""

    path: str
    main: Node
    ttl: int | None
    history: History | None = None
    subscriptions: tuple[SubscriptionEntity, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.main,)

    @property
    def sequence(self) -> Sequence:
        return self.main.queue.sequence


Entity = QueueEntity | TopicEntity


def build(config: Config) -> dict[str, Entity]:
    """Every entity by its address in lower case."""
    found: dict[str, Entity] = {}
    for queue in config.namespace.queues:
        main, dead, transfer = _nodes(queue.name, queue.properties)
        found[queue.name.lower()] = QueueEntity(queue.name, main, dead, transfer, _history(queue.properties))
    for topic in config.namespace.topics:
        entity = _topic(topic)
        found[topic.name.lower()] = entity
        found |= {subscription.path.lower(): subscription for subscription in entity.subscriptions}
    return found


def _topic(topic: Topic) -> TopicEntity:
    subscriptions = tuple(_subscription(topic, subscription) for subscription in topic.subscriptions)
    ttl = _ttl(topic.properties.default_message_time_to_live)
    main = Node(topic.name, Queue(Rules()))
    return TopicEntity(topic.name, main, ttl, _history(topic.properties), subscriptions)


def _subscription(topic: Topic, subscription: Subscription) -> SubscriptionEntity:
    path = f"{topic.name}/Subscriptions/{subscription.name}"
    main, dead, transfer = _nodes(path, subscription.properties)
    return SubscriptionEntity(path, main, dead, transfer, copies=copies_by(subscription.rules))


def _nodes(path: str, properties: QueueProperties | SubscriptionProperties) -> tuple[Node, Node, Node]:
    rules = Rules(
        lock=_milliseconds(properties.lock_duration),
        max_delivery_count=properties.max_delivery_count,
        ttl=_ttl(properties.default_message_time_to_live),
        dead_letter_expired=properties.dead_lettering_on_message_expiration,
        sessions=properties.requires_session,
    )
    sequence = Sequence()
    sessions = Sessions(rules.lock) if rules.sessions else None
    dead = Rules(lock=rules.lock, max_delivery_count=None, expires=False)
    return (
        Node(path, Queue(rules, sequence), sessions, properties.forward_to),
        Node(
            f"{path}/$DeadLetterQueue", Queue(dead, sequence), forward_to=properties.forward_dead_lettered_messages_to
        ),
        Node(f"{path}/$Transfer/$DeadLetterQueue", Queue(dead, sequence)),
    )


def _history(properties: QueueProperties | TopicProperties) -> History | None:
    window = _milliseconds(properties.duplicate_detection_history_time_window)
    return History(window) if properties.requires_duplicate_detection else None


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _ttl(duration: timedelta) -> int | None:
    return None if duration >= FOREVER else _milliseconds(duration)

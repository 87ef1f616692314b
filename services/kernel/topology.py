"""What a pattern declares of itself -> infra builds it, local hosts it, ops shows it, tests compare it.

Plain frozen data. Here stands what a handler's behaviour depends on (who listens to what, in which order, how often a
delivery is tried); sizes, SKUs and regions belong to the stack's configuration.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Tier = Literal["small", "large"]
"""Which model a question deserves: `small` for many cheap answers, `large` for few weighty ones."""


@dataclass(frozen=True)
class Topic:
    """A Service Bus topic. Where events of one entity must keep their order, its messages carry a session id.

    At a `door` events come in from outside: what nobody listens to there is a dead letter, not silence.
    """

    name: str
    sessions: bool = False
    door: bool = False


@dataclass(frozen=True)
class Queue:
    """A Service Bus queue. Messages in it never expire; nobody detects duplicates, for a replay must not be one."""

    name: str


@dataclass(frozen=True)
class Container:
    """A Cosmos DB container of the database `main`.

    `partition_key` names the property, without the slash. `expires` switches time-to-live on: items then live for
    `keeps` (None: for ever) unless they carry a `ttl` in seconds of their own.
    """

    name: str
    partition_key: str
    expires: bool = False
    keeps: timedelta | None = None


@dataclass(frozen=True)
class Subscription:
    """One listener on a topic: it gets the event types it names, and the copies addressed `to` it.

    `lock` is how long Service Bus waits for a sign of life from who holds a message (5 minutes at most); the host
    renews it while the handler works. After `max_delivery_count` deliveries the broker dead-letters the message.
    """

    topic: Topic
    name: str
    event_types: tuple[str, ...]
    max_delivery_count: int = 10
    lock: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Timer:
    """A function that runs on a schedule: six NCRONTAB fields, the first is seconds; UTC.

    The trigger reads the app setting `Schedule_{function}`; `schedule` is what infra sets when the stack's
    configuration says nothing else.
    """

    function: str
    schedule: str


@dataclass(frozen=True)
class Feed:
    """A Cosmos DB change feed that a function reads; `lease_prefix` is app + function, or two would share one feed."""

    container: Container
    function: str
    lease_prefix: str


@dataclass(frozen=True)
class Topology:
    """Everything outside its own folder that a pattern touches.

    `asks` are the model tiers of its questions, `keeps` the containers it writes, `reads` those it only reads,
    `secrets` the names of Key Vault secrets that reach it as settings, `http` whether it has HTTP functions.
    """

    name: str
    listens: tuple[Subscription, ...] = ()
    publishes: tuple[Topic, ...] = ()
    keeps: tuple[Container, ...] = ()
    reads: tuple[Container, ...] = ()
    asks: tuple[Tier, ...] = ()
    timers: tuple[Timer, ...] = ()
    feeds: tuple[Feed, ...] = ()
    secrets: tuple[str, ...] = ()
    http: bool = False
    always_ready: tuple[str, ...] = field(default=())
    """Functions that keep one warm instance where the stack pays for it: the urgent lane."""

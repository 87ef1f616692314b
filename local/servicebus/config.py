"""Config.json of Microsoft's emulator <-> pydantic models

Shape and names: https://learn.microsoft.com/azure/service-bus-messaging/test-locally-with-service-bus-emulator
Durations shorter than Azure's minimum are taken, because tests need them; `hurried` names them.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from local.servicebus.actions import compile_action
from local.servicebus.sql import compile_filter

FOREVER: Final = timedelta(days=10675199)  # Azure's default: .NET's longest TimeSpan, to the day
SHORTEST_LOCK: Final = timedelta(seconds=5)
SHORTEST_WINDOW: Final = timedelta(seconds=20)
SHORTEST_TTL: Final = timedelta(seconds=1)
_DURATION: Final = TypeAdapter(timedelta)


def _iso(value: Any) -> Any:
    """ISO 8601 only; .NET writes seven digits of a second where Python has six."""
    if isinstance(value, timedelta):
        return value
    try:
        return _DURATION.validate_python(re.sub(r"(\.\d{6})\d+", r"\1", re.sub(r"^(?!P)", "not ISO ", value)))
    except (TypeError, ValidationError):
        raise ValueError("must be an ISO 8601 duration such as PT30S, PT1M or P14D") from None


def _within(longest: timedelta) -> Callable[[timedelta], timedelta]:
    def check(duration: timedelta) -> timedelta:
        if not timedelta(0) < duration <= longest:
            raise ValueError(f"more than 0 s and at most {longest.total_seconds():.0f} s")
        return duration

    return check


def _named(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", name):
        raise ValueError("may have letters, digits, '.', '-', '_' and '/', and starts and ends with a letter or digit")
    return name


def _part(name: str) -> str:
    if "/" in _named(name):
        raise ValueError("may not have '/'")
    return name


EntityName = Annotated[str, Field(max_length=260), AfterValidator(_named)]
PartName = Annotated[str, Field(max_length=50), AfterValidator(_part)]
LockDuration = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_within(timedelta(minutes=5)))]
Window = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_within(timedelta(days=7)))]
TimeToLive = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_within(timedelta(days=10675200)))]
Scalar = str | bool | int | float


class Model(BaseModel):
    """Pascal case in JSON, snake case in Python, and nothing that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, populate_by_name=True)


class QueueProperties(Model):
    dead_lettering_on_message_expiration: bool = False
    default_message_time_to_live: TimeToLive = FOREVER
    duplicate_detection_history_time_window: Window = timedelta(minutes=10)
    forward_dead_lettered_messages_to: str = ""
    forward_to: str = ""
    lock_duration: LockDuration = timedelta(minutes=1)
    max_delivery_count: int = Field(default=10, ge=1, le=2000)
    requires_duplicate_detection: bool = False
    requires_session: bool = False


class SubscriptionProperties(Model):
    dead_lettering_on_message_expiration: bool = False
    default_message_time_to_live: TimeToLive = FOREVER
    forward_dead_lettered_messages_to: str = ""
    forward_to: str = ""
    lock_duration: LockDuration = timedelta(minutes=1)
    max_delivery_count: int = Field(default=10, ge=1, le=2000)
    requires_session: bool = False


class TopicProperties(Model):
    default_message_time_to_live: TimeToLive = FOREVER
    duplicate_detection_history_time_window: Window = timedelta(minutes=10)
    requires_duplicate_detection: bool = False


class CorrelationFilter(Model):
    """All that is given must be equal; `properties` are the sender's application properties."""

    content_type: str | None = None
    correlation_id: str | None = None
    label: str | None = None
    message_id: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    session_id: str | None = None
    to: str | None = None
    properties: dict[str, Scalar] = Field(default_factory=dict[str, Scalar])


class SqlFilter(Model):
    sql_expression: str

    @field_validator("sql_expression")
    @classmethod
    def _compiles(cls, text: str) -> str:
        compile_filter(text)
        return text


class SqlAction(Model):
    sql_expression: str

    @field_validator("sql_expression")
    @classmethod
    def _compiles(cls, text: str) -> str:
        compile_action(text)
        return text


class RuleProperties(Model):
    filter_type: Literal["Correlation", "Sql"]
    correlation_filter: CorrelationFilter | None = None
    sql_filter: SqlFilter | None = None
    action: SqlAction | None = None

    @model_validator(mode="after")
    def _has_its_filter(self) -> Self:
        given = {"Correlation": self.correlation_filter, "Sql": self.sql_filter}
        for kind, found in given.items():
            if (found is not None) is not (kind == self.filter_type):
                verb = "needs" if kind == self.filter_type else "excludes"
                raise ValueError(f"FilterType '{self.filter_type}' {verb} a {kind}Filter")
        if self.correlation_filter == CorrelationFilter():
            raise ValueError("a CorrelationFilter needs at least one field to compare")
        return self


class Rule(Model):
    name: PartName
    properties: RuleProperties

    @classmethod
    def correlation(cls, name: str, **wanted: Any) -> Self:
        """A rule on equality: `Rule.correlation("retries", to="notifier")`."""
        wanted_filter = CorrelationFilter(**wanted)
        return cls(name=name, properties=RuleProperties(filter_type="Correlation", correlation_filter=wanted_filter))

    @classmethod
    def sql(cls, name: str, expression: str) -> Self:
        """A rule on a SQL expression."""
        sql_filter = SqlFilter(sql_expression=expression)
        return cls(name=name, properties=RuleProperties(filter_type="Sql", sql_filter=sql_filter))


class Subscription(Model):
    """Without rules it gets everything, as by Azure's rule `$Default`; with rules it gets only what they match."""

    name: PartName
    properties: SubscriptionProperties = SubscriptionProperties()
    rules: tuple[Rule, ...] = ()


class Topic(Model):
    name: EntityName
    properties: TopicProperties = TopicProperties()
    subscriptions: tuple[Subscription, ...] = ()


class Queue(Model):
    name: EntityName
    properties: QueueProperties = QueueProperties()


class Namespace(Model):
    name: str = "sbemulatorns"
    queues: tuple[Queue, ...] = ()
    topics: tuple[Topic, ...] = ()


class Logging(Model):
    """Microsoft's emulator wants it; this one writes to stderr whatever it says."""

    type: Literal["File", "Console", "Console,File"] = "File"


class UserConfig(Model):
    namespaces: tuple[Namespace, ...]
    logging: Logging | None = None

    @field_validator("namespaces")
    @classmethod
    def _one(cls, namespaces: tuple[Namespace, ...]) -> tuple[Namespace, ...]:
        if len(namespaces) != 1:
            raise ValueError(f"an emulator is one namespace, not {len(namespaces)}")
        return namespaces


class Config(Model):
    """The whole file; a `ValidationError` names everything that contradicts something else in it."""

    user_config: UserConfig

    @property
    def namespace(self) -> Namespace:
        return self.user_config.namespaces[0]

    @classmethod
    def of(cls, *, queues: tuple[Queue, ...] = (), topics: tuple[Topic, ...] = ()) -> Self:
        """A config from its entities."""
        return cls(user_config=UserConfig(namespaces=(Namespace(queues=queues, topics=topics),)))

    def dump(self) -> str:
        """Config.json as Microsoft's emulator reads it."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if problems := list(contradictions(self.namespace)):
            raise ValueError("\n".join(problems))
        return self


Forwarding = QueueProperties | SubscriptionProperties


def addressed(namespace: Namespace) -> Iterator[tuple[str, str, Forwarding]]:
    """Path in the file, address and properties of every queue and subscription."""
    for q, queue in enumerate(namespace.queues):
        yield f"UserConfig.Namespaces[0].Queues[{q}]", queue.name, queue.properties
    for t, topic in enumerate(namespace.topics):
        for s, subscription in enumerate(topic.subscriptions):
            path = f"UserConfig.Namespaces[0].Topics[{t}].Subscriptions[{s}]"
            yield path, f"{topic.name}/Subscriptions/{subscription.name}", subscription.properties


def contradictions(namespace: Namespace) -> Iterator[str]:
    """What is right by itself and wrong beside the rest, each with its path."""
    root = "UserConfig.Namespaces[0]"
    entities = [(f"{root}.Queues[{i}].Name", queue.name) for i, queue in enumerate(namespace.queues)]
    entities += [(f"{root}.Topics[{i}].Name", topic.name) for i, topic in enumerate(namespace.topics)]
    yield from _repeated(entities)
    for t, topic in enumerate(namespace.topics):
        path = f"{root}.Topics[{t}].Subscriptions"
        yield from _repeated([(f"{path}[{s}].Name", found.name) for s, found in enumerate(topic.subscriptions)])
        for s, subscription in enumerate(topic.subscriptions):
            rules = [(f"{path}[{s}].Rules[{r}].Name", rule.name) for r, rule in enumerate(subscription.rules)]
            yield from _repeated(rules)
    sessions = {queue.name.lower(): queue.properties.requires_session for queue in namespace.queues}
    sessions |= dict.fromkeys((topic.name.lower() for topic in namespace.topics), False)
    for path, address, properties in addressed(namespace):
        if properties.forward_to and properties.requires_session:
            yield f"{path}.Properties.ForwardTo: Azure does not forward from an entity that requires sessions"
        forwards = {"ForwardTo": properties.forward_to}
        forwards["ForwardDeadLetteredMessagesTo"] = properties.forward_dead_lettered_messages_to
        for name, target in forwards.items():
            if target and (wrong := _bad_target(target.lower(), address, sessions)):
                yield f"{path}.Properties.{name}: '{target}' {wrong}"


def _bad_target(target: str, source: str, sessions: dict[str, bool]) -> str | None:
    if target not in sessions:
        return f"is no queue or topic of this namespace: {', '.join(sessions) or 'there are none'}"
    if target == source.lower():
        return "is this entity itself"
    if sessions[target]:
        return "requires sessions, and Azure does not forward to such an entity"
    return None


def _repeated(names: list[tuple[str, str]]) -> Iterator[str]:
    first: dict[str, str] = {}
    for path, name in names:
        if name.lower() in first:
            yield f"{path}: '{name}' is named already by {first[name.lower()]}; case does not tell names apart"
        first.setdefault(name.lower(), path)


def hurried(config: Config) -> Iterator[str]:
    """Durations that Azure would refuse as too short, as sentences."""
    shortest = {
        "lock_duration": SHORTEST_LOCK,
        "duplicate_detection_history_time_window": SHORTEST_WINDOW,
        "default_message_time_to_live": SHORTEST_TTL,
    }
    topics = [(f"topic '{topic.name}'", topic.properties) for topic in config.namespace.topics]
    others = [(f"'{address}'", properties) for _, address, properties in addressed(config.namespace)]
    for where, properties in [*topics, *others]:
        for name, least in shortest.items():
            found: timedelta | None = getattr(properties, name, None)
            if found is not None and found < least:
                seconds, limit = found.total_seconds(), least.total_seconds()
                yield f"{where}: {to_pascal(name)} {seconds:g} s is below Azure's {limit:g} s"

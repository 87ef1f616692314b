"""a binding's attributes, as function.json would spell them -> what the host listens to"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from local.host.cron import Schedule
from local.host.routes import Route
from local.host.timespan import Timespan


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class _Attributes(BaseModel):
    """The library writes enums by name and leaves out what was not given."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, arbitrary_types_allowed=True
    )


class ServiceBusTrigger(_Attributes):
    """A queue, or a topic's subscription. `auto_complete_messages` of the trigger wins over host.json's."""

    connection: str
    queue_name: str | None = None
    topic_name: str | None = None
    subscription_name: str | None = None
    is_sessions_enabled: bool = False
    cardinality: Annotated[Literal["one", "many"], BeforeValidator(_lowered)] = "one"
    auto_complete_messages: bool | None = None

    @model_validator(mode="after")
    def _one_entity(self) -> "ServiceBusTrigger":
        if bool(self.queue_name) == bool(self.topic_name and self.subscription_name):
            raise ValueError("name a queue, or a topic and a subscription")
        return self

    @property
    def path(self) -> str:
        return self.queue_name or f"{self.topic_name}/{self.subscription_name}"


class TimerTrigger(_Attributes):
    schedule: Annotated[Schedule, BeforeValidator(Schedule.parse)]
    run_on_startup: bool = False
    use_monitor: bool = True


class CosmosTrigger(_Attributes):
    """A container's change feed. Times are milliseconds, as in the extension, whose defaults these are."""

    connection: str
    database_name: str
    container_name: str
    lease_connection: str | None = None
    lease_database_name: str | None = None
    lease_container_name: str = "leases"
    lease_container_prefix: str = ""
    create_lease_container_if_not_exists: bool = False
    feed_poll_delay: int = Field(default=5_000, ge=1)
    lease_acquire_interval: int = Field(default=13_000, ge=1)
    lease_expiration_interval: int = Field(default=60_000, ge=1)
    lease_renew_interval: int = Field(default=17_000, ge=1)
    max_items_per_invocation: int = Field(default=100, ge=1)
    start_from_beginning: bool = False


class HttpTrigger(_Attributes):
    """A route; no methods means all of them, no level means that a key is asked for."""

    route: Annotated[Route, BeforeValidator(Route.parse)]
    methods: tuple[str, ...] = ()
    auth_level: Annotated[Literal["anonymous", "function", "admin"], BeforeValidator(_lowered)] = "function"


PulledTrigger = ServiceBusTrigger | TimerTrigger | CosmosTrigger
"""What each function has a listener of its own for; HTTP functions share one port."""

Trigger = PulledTrigger | HttpTrigger

TRIGGERS: dict[str, type[ServiceBusTrigger | TimerTrigger | CosmosTrigger | HttpTrigger]] = {
    "serviceBusTrigger": ServiceBusTrigger,
    "timerTrigger": TimerTrigger,
    "cosmosDBTrigger": CosmosTrigger,
    "httpTrigger": HttpTrigger,
}


def _count(value: object) -> object:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


class Retry(BaseModel):
    """`@app.retry`, which the host honours for Cosmos and timer triggers only; -1 retries for ever."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    strategy: Annotated[Literal["fixed_delay", "exponential_backoff"], BeforeValidator(_lowered)]
    max_retry_count: Annotated[int, BeforeValidator(_count), Field(ge=-1)]
    delay_interval: Timespan | None = None
    minimum_interval: Timespan | None = None
    maximum_interval: Timespan | None = None

    @model_validator(mode="after")
    def _intervals_of_the_strategy(self) -> "Retry":
        if self.strategy == "fixed_delay" and self.delay_interval is None:
            raise ValueError("fixed_delay needs delay_interval")
        if self.strategy == "exponential_backoff" and None in (self.minimum_interval, self.maximum_interval):
            raise ValueError("exponential_backoff needs minimum_interval and maximum_interval")
        return self

    def delay(self, attempt: int) -> timedelta | None:
        """How long to wait before retry `attempt` (from 1); None when there is none left."""
        if 0 <= self.max_retry_count < attempt:
            return None
        if self.delay_interval is not None:
            return self.delay_interval
        least, most = self.minimum_interval or timedelta(0), self.maximum_interval or timedelta(0)
        return min(most, least * 2 ** min(attempt - 1, 30))

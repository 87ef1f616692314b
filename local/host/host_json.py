"""host.json -> the limits that this host keeps

Names and defaults are those of the Service Bus extension 5.x (its ServiceBusOptions), the Cosmos DB extension 4.x and
the HTTP extension 3.x. A key that they do not know is an error: in Azure a misspelt limit is silently no limit.
"""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from local.host.errors import HostError
from local.host.timespan import Timespan, parse_timespan

UNBOUNDED = timedelta(0)
"""What a functionTimeout of "-1" is read as: no timeout at all."""

_RENAMED = {
    "messageHandlerOptions": "maxConcurrentCalls, autoCompleteMessages and maxAutoLockRenewalDuration",
    "sessionHandlerOptions": "maxConcurrentSessions, sessionIdleTimeout and maxAutoLockRenewalDuration",
    "batchOptions": "maxMessageBatchSize",
    "maxMessages": "maxMessageBatchSize",
}
"""Names of the Service Bus extension 4.x and of 5.x previews, which the extension no longer documents."""


def _function_timeout(value: object) -> timedelta:
    return UNBOUNDED if value == "-1" else parse_timespan(value)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class ServiceBusLimits(_Section):
    """`extensions.serviceBus`. Each function counts for itself: the extension makes one processor per function."""

    max_concurrent_calls: int = Field(default=16 * (os.cpu_count() or 1), ge=1)
    max_concurrent_sessions: int = Field(default=8, ge=1)
    max_concurrent_calls_per_session: Literal[1] = 1
    max_message_batch_size: int = Field(default=1000, ge=1)
    prefetch_count: int = Field(default=0, ge=0)
    auto_complete_messages: bool = True
    max_auto_lock_renewal_duration: Timespan = timedelta(minutes=5)
    session_idle_timeout: Timespan = timedelta(minutes=1)
    client_retry_options: dict[str, Any] = {}
    transport_type: str = "amqpTcp"
    web_proxy: str = ""
    enable_cross_entity_transactions: bool = False


class CosmosLimits(_Section):
    """`extensions.cosmosDB`: all of it concerns the connection, nothing the change feed."""

    connection_mode: str = "Gateway"
    user_agent_suffix: str = ""


class HttpLimits(_Section):
    """`extensions.http`: the prefix of every route, and headers added to every response."""

    route_prefix: str = "api"
    custom_headers: dict[str, str] = {}
    max_outstanding_requests: int = 200
    max_concurrent_requests: int = 100
    dynamic_throttles_enabled: bool = False
    hsts: dict[str, Any] = {}


class Extensions(BaseModel):
    """`extensions`: those of other triggers are none of this host's business and may say what they like."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    service_bus: ServiceBusLimits = ServiceBusLimits()
    cosmos_db: CosmosLimits = Field(default=CosmosLimits(), alias="cosmosDB")
    http: HttpLimits = HttpLimits()


class Concurrency(_Section):
    """`concurrency`: this host keeps the limits it is given and does not find its own."""

    dynamic_concurrency_enabled: Literal[False] = False
    snapshot_persistence_enabled: bool = True


class HostJson(_Section):
    """One app's host.json. The default timeout is that of Flex Consumption: 30 minutes."""

    version: Literal["2.0"]
    function_timeout: Annotated[timedelta, BeforeValidator(_function_timeout)] = timedelta(minutes=30)
    extensions: Extensions = Extensions()
    extension_bundle: dict[str, Any] = {}
    logging: dict[str, Any] = {}
    telemetry_mode: str = ""
    concurrency: Concurrency = Concurrency()
    custom_handler: None = None
    health_monitor: dict[str, Any] = {}
    singleton: dict[str, Any] = {}
    watch_directories: list[str] = []
    managed_dependency: dict[str, Any] = {}
    aggregator: dict[str, Any] = {}


def load_host_json(folder: Path) -> HostJson:
    """Read `folder/host.json`.

    Raises:
        HostError: when it is missing, is not JSON, or a key or value is not what the host understands; all of the
            problems at once, each with the key, what is allowed and the nearest name.
    """
    path = folder / "host.json"
    try:
        return HostJson.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        message = f'{path} is missing; every function app has one, the least is {{"version": "2.0"}}'
        raise HostError(message) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HostError(f"{path} is not JSON: {error}; comments and trailing commas are not allowed") from None
    except ValidationError as error:
        raise HostError("\n".join(f"{path}: {problem}" for problem in _problems(error))) from None


def problem_of(detail: ErrorDetails) -> str:
    """One finding of pydantic as a sentence: key, value, what is allowed."""
    key = ".".join(str(part) for part in detail["loc"]) or "it"
    return f"{key} is {detail['input']!r}: {detail['msg'].removeprefix('Value error, ')}"


def _problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors():
        where, kind = [str(part) for part in detail["loc"]], detail["type"]
        key = ".".join(where) or "the file"
        if kind == "extra_forbidden":
            yield f"{key} is not a key that the host knows; {_hint(where)}"
        elif kind == "missing":
            yield f'{key} is missing; write "{key}": "2.0"'
        else:
            yield problem_of(detail)


def _hint(where: list[str]) -> str:
    known, name = _keys_at(where[:-1]), where[-1]
    if name in _RENAMED:
        return f"it is of the extension 4.x, in 5.x write {_RENAMED[name]}"
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(known)}"


def _keys_at(where: list[str]) -> list[str]:
    model: type[BaseModel] = HostJson
    for name in where:
        field = next(field for key, field in model.model_fields.items() if name in (field.alias, key))
        model = field.annotation if isinstance(field.annotation, type) else model
    return [field.alias or name for name, field in model.model_fields.items()]

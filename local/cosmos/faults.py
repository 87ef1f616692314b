"""faults on demand and counts of what was asked: the doors that tests and chaos use"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.cosmos.documents import loads
from local.cosmos.errors import CosmosError, bad_request, explain

Activity = Literal["reads", "writes", "batches", "queries", "feeds", "metadata"]


@dataclass(frozen=True)
class Call:
    """What a fault may look at."""

    verb: str
    database: str
    container: str
    principal: str
    activity: Activity


class Match(BaseModel):
    """Which requests a fault hits; what is left out matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    verb: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    database: str | None = None
    container: str | None = None
    principal: str | None = None
    activity: Activity | None = None

    def hits(self, call: Call) -> bool:
        return all(wanted in (None, getattr(call, name)) for name, wanted in self)


class Fault(BaseModel):
    """The next `count` matching requests wait `delayMs` and then, if there is a status, fail with it.

    `afterCommit` carries the request out first, so that the client cannot know that it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    status: Annotated[int | None, Field(ge=400, le=599)] = None
    substatus: Annotated[int, Field(ge=0)] = 0
    retryAfterMs: Annotated[int | None, Field(ge=0)] = None  # noqa: N815 (the door's name)
    delayMs: Annotated[int, Field(ge=0, le=60_000)] = 0  # noqa: N815 (the door's name)
    afterCommit: bool = False  # noqa: N815 (the door's name)
    count: Annotated[int, Field(ge=1)] = 1
    match: Match = Match()

    @model_validator(mode="after")
    def does_something(self) -> "Fault":
        if self.status is None and not self.delayMs:
            message = "a fault needs a status, a delayMs, or both"
            raise ValueError(message)
        return self

    def error(self) -> CosmosError | None:
        if self.status is None:
            return None
        headers = {} if self.retryAfterMs is None else {"x-ms-retry-after-ms": str(self.retryAfterMs)}
        return CosmosError(self.status, "This fault was asked for.", substatus=self.substatus, headers=headers)


def parse_fault(body: bytes) -> Fault:
    """Raises CosmosError 400 that names the field."""
    try:
        return Fault.model_validate(loads(body))
    except ValidationError as error:
        raise bad_request(f"The fault is invalid: {explain(error)}.") from None


class Faults:
    """The faults that wait for their requests, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """What is left, each with the count that is left of it."""
        return list(self._waiting)

    def take(self, call: Call) -> Fault | None:
        """The first fault that hits this call; used up once."""
        for at, fault in enumerate(self._waiting):
            if fault.match.hits(call):
                rest = [fault.model_copy(update={"count": fault.count - 1})] if fault.count > 1 else []
                self._waiting[at : at + 1] = rest
                return fault
        return None


@dataclass
class Counts:
    """How often each container (`main/items`) was read, written, queried; faulted requests are counted as faults."""

    _counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, call: Call, what: str) -> None:
        if call.container:
            self._counts[f"{call.database}/{call.container}"][what] += 1

    def clear(self) -> None:
        self._counts.clear()

    def as_dict(self) -> dict[str, dict[str, int]]:
        return {container: dict(counter) for container, counter in self._counts.items()}

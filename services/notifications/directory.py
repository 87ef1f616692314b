"""`notifications`: who can be told -> recipients, checked when they are read

An entry is the document that a recipient's partition is about. Whoever edits the directory may err: a broken entry is
reported in that recipient's own record, and stops nobody else's message.
"""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from services.entities import RECIPIENTS
from services.kernel.ids import safe_id
from services.kernel.ports import Ports
from services.notifications.events import Category, Channel

Language = Literal["en", "de", "fr"]
Role = Literal["customer", "support", "sales", "operations", "finance", "manager", "on_call"]
LANGUAGES: tuple[Language, ...] = ("en", "de", "fr")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class QuietHours(_Entry):
    """Local times; `to` may be on the next day."""

    start: time = Field(alias="from")
    to: time

    @model_validator(mode="after")
    def _some_time(self) -> "QuietHours":
        if self.start == self.to:
            raise ValueError("`from` and `to` are the same: leave quiet hours out, or opt out of categories")
        if self.start.tzinfo or self.to.tzinfo:
            raise ValueError("a time with an offset: write local times such as 22:00")
        return self


class Address(_Entry):
    channel: Channel
    address: str = Field(min_length=1, max_length=320, pattern=r"^[^\s,;%]+$")
    """One: what apprise would take for a list of addresses is none; nor is an escape, which it would read twice."""


class Throttle(_Entry):
    """At most so many messages within so many minutes."""

    most: int = Field(ge=1, le=1_000)
    minutes: int = Field(ge=1, le=24 * 60)


class Recipient(_Entry):
    """One person, or one customer, and what they want to hear."""

    recipient: str = Field(min_length=1, max_length=500)
    name: str = Field(default="", max_length=200)
    role: Role
    language: Language = "en"
    time_zone: str = "UTC"
    quiet: QuietHours | None = None
    channels: tuple[Address, ...] = Field(min_length=1, max_length=10)
    opted_out: tuple[Category, ...] = ()
    daily_cap: Annotated[int, Field(ge=0, le=10_000)] = 20
    throttle: Throttle = Throttle(most=10, minutes=60)
    digest: Literal["never", "when_busy", "always"] = "when_busy"
    digest_hour: int = Field(default=8, ge=0, le=23)

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError for some names
            raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin") from error
        except KeyError as error:
            raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Member(BaseModel):
    """What the fan-out needs of a recipient; whether the entry is sound is found out in their own partition."""

    recipient_id: str
    recipient: str
    role: str
    language: Language


def partition(recipient: str) -> str:
    """Where everything about a recipient lives."""
    return safe_id("recipient", recipient)


def customer(customer_id: str) -> str:
    """A customer as a recipient."""
    return f"customer:{customer_id}"


def group(role: str) -> str:
    """All who have this role."""
    return f"group:{role}"


async def members(ports: Ports, roles: tuple[str, ...], customer_id: str) -> tuple[Member, ...]:
    """Everybody of these roles, and the customer, as far as they are in the directory; in a stable order."""
    found = await ports.query(
        RECIPIENTS,
        "SELECT c.recipient_id, c.recipient, c.role, c.language FROM c WHERE c.kind = 'recipient' "
        "AND (ARRAY_CONTAINS(@roles, c.role) OR c.recipient_id = @customer)",
        {"roles": list(roles), "customer": partition(customer(customer_id)) if customer_id else ""},
    )
    return tuple(sorted((_member(row) for row in found), key=lambda member: member.recipient_id))


def _member(row: Mapping[str, Any]) -> Member:
    language = row.get("language")
    return Member(
        recipient_id=row["recipient_id"],
        recipient=str(row.get("recipient") or row["recipient_id"]),
        role=str(row.get("role")),
        language=language if language in LANGUAGES else "en",
    )


def read_entry(document: Mapping[str, Any] | None) -> Recipient | str:
    """The recipient, or why they cannot be told anything."""
    if document is None:
        return "not in the directory"
    try:
        return Recipient.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'entry'}: {each['msg']} (got {str(each['input'])[:60]!r})"
            for each in error.errors()[:5]
        )
        return f"the directory entry is broken: {problems}"

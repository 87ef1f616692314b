"""Functions message -> delivery: what the kernel needs of one Service Bus message, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from services.kernel.ids import fingerprint

ATTEMPT = "attempt"
FIRST_ID = "first_id"
SPENT = "spent_tokens"
LARGEST_COUNT = 10**9


class ServiceBusMessage(Protocol):
    """The part of `azure.functions.ServiceBusMessage` that is used here."""

    def get_body(self) -> bytes: ...
    @property
    def message_id(self) -> str: ...
    @property
    def application_properties(self) -> Mapping[str, object]: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def sequence_number(self) -> int | None: ...
    @property
    def enqueued_time_utc(self) -> datetime | None: ...


@dataclass(frozen=True)
class Delivery:
    """One delivery of a message to one subscription.

    `attempt` counts the tries that the kernel made, from 1: redeliveries by the broker are not tries of ours, they
    follow a crash. `first_id` is the message id of the first delivery, whichever copy this is; `spent` are the tokens
    that earlier attempts cost in vain.
    """

    body: bytes
    message_id: str
    sequence: int
    first_id: str
    attempt: int
    spent: int
    properties: Mapping[str, object]
    enqueued: datetime | None
    subject: str = ""

    @classmethod
    def of(cls, message: ServiceBusMessage) -> "Delivery":
        """Read a message of the Functions worker; a sender that set no message id gets one of the sequence number."""
        body, properties = message.get_body(), message.application_properties or {}
        message_id = message.message_id or f"sequence-{message.sequence_number}-{fingerprint(body.hex())[:12]}"
        return cls(
            body=body,
            message_id=message_id,
            sequence=message.sequence_number or 0,
            first_id=str(properties.get(FIRST_ID) or message_id),
            attempt=max(1, _count(properties.get(ATTEMPT))),
            spent=_count(properties.get(SPENT)),
            properties=properties,
            enqueued=_in_utc(message.enqueued_time_utc),
            subject=message.subject or "",
        )


def _count(value: object) -> int:
    """A number that the kernel put into a copy; anybody may send anything under its name."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value < LARGEST_COUNT else 0


def _in_utc(moment: datetime | None) -> datetime | None:
    """The worker hands out UTC without saying so."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment

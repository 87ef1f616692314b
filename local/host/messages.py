"""a message as azure-servicebus receives it -> the func.ServiceBusMessage that a function sees in Azure

The extension sends each property of a message as trigger metadata: strings as strings, all else as JSON. Names and
values are those of its ServiceBusTriggerBindingStrategy (Microsoft.Azure.WebJobs.Extensions.ServiceBus 5.x), and the
library's own converter makes the message from them. Two consequences that surprise people are kept on purpose:

- DeliveryCount is 1 at the first delivery: the .NET SDK adds one to the AMQP header (AmqpMessageConverter), the Python
  SDK shows the header itself, which begins with 0.
- `enqueued_time_utc` and `expires_at_utc` are UTC but naive: the extension sends DateTimeOffset.DateTime, whose kind is
  unspecified, so no offset is written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import azure.functions as func
from azure.functions.meta import Datum
from azure.functions.servicebus import ServiceBusMessageInConverter
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

_NEVER = datetime.max.replace(tzinfo=UTC)


def one(message: ServiceBusReceivedMessage) -> func.ServiceBusMessage:
    """The argument of a function with cardinality one."""
    metadata = {name: _datum(value) for name, value in _properties(message).items()}
    decoded = ServiceBusMessageInConverter.decode(Datum(_body(message), "bytes"), trigger_metadata=metadata)
    return cast("func.ServiceBusMessage", decoded)


def many(messages: Sequence[ServiceBusReceivedMessage]) -> list[func.ServiceBusMessage]:
    """The argument of a function with cardinality many: every property is an array over the batch."""
    rows = [_properties(message) for message in messages]
    metadata = {f"{name}Array": _datum([row[name] for row in rows]) for name in rows[0]}
    data = Datum(_Collection([_body(message) for message in messages]), "collection_bytes")
    return cast("list[func.ServiceBusMessage]", ServiceBusMessageInConverter.decode(data, trigger_metadata=metadata))


def application_properties(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    """Application properties with text keys and values: azure-servicebus leaves both as bytes."""
    properties = cast("Mapping[object, object]", message.application_properties or {})
    return {str(_text(key)): _text(value) for key, value in properties.items()}


class _Collection:
    """What the converter expects of the worker's `collection_bytes`."""

    def __init__(self, values: list[bytes]) -> None:
        self.bytes = values


def _properties(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    properties = application_properties(message)
    enqueued, expires = message.enqueued_time_utc, _expires_at(message)
    return {
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "DeadLetterSource": message.dead_letter_source,
        "LockToken": str(message.lock_token) if message.lock_token else None,
        "ExpiresAtUtc": _unspecified(expires),
        "ExpiresAt": expires.isoformat(),
        "EnqueuedTimeUtc": _unspecified(enqueued) if enqueued else None,
        "EnqueuedTime": enqueued.isoformat() if enqueued else None,
        "MessageId": _text(message.message_id),
        "ContentType": _text(message.content_type),
        "ReplyTo": _text(message.reply_to),
        "SequenceNumber": message.sequence_number,
        "To": _text(message.to),
        "Subject": _text(message.subject),
        "Label": _text(message.subject),
        "CorrelationId": _text(message.correlation_id),
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "SessionId": _text(message.session_id),
        "ReplyToSessionId": _text(message.reply_to_session_id),
        "PartitionKey": _text(message.partition_key),
        "TransactionPartitionKey": None,
    }


def _datum(value: object) -> Datum:
    if value is None:
        return Datum(None, None)
    return Datum(value, "string") if isinstance(value, str) else Datum(json.dumps(value, default=_json), "json")


def _json(value: object) -> str:
    """Application properties may hold what AMQP has and JSON has not."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _text(value: object) -> Any:
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case UUID():
            return str(value)
        case _:
            return value


def _body(message: ServiceBusReceivedMessage) -> bytes:
    """The bytes of a data body; of the others .NET's ServiceBusReceivedMessage.Body makes an exception as well."""
    if message.body_type is not AmqpMessageBodyType.DATA:
        raise ValueError(f"the body is an AMQP {message.body_type.name.lower()}; functions are given data bodies only")
    return b"".join(cast("Iterable[bytes]", message.body))


def _expires_at(message: ServiceBusReceivedMessage) -> datetime:
    try:
        return message.expires_at_utc or _NEVER
    except OverflowError:
        return _NEVER


def _unspecified(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()

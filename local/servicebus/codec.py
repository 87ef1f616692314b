"""bytes -> azure.servicebus._pyamqp -> typed performatives and values, and back

The only module that imports the AMQP 1.0 codec which azure-servicebus carries in pure Python. That codec is private
to the SDK, so its version is pinned here, and `test_servicebus_codec.py` holds everything that is used of it.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from azure.servicebus import __version__ as sdk_version
from azure.servicebus._pyamqp import _decode as decoding
from azure.servicebus._pyamqp import endpoints, error, outcomes, performatives
from azure.servicebus._pyamqp._decode import decode_frame, decode_payload
from azure.servicebus._pyamqp._encode import encode_frame, encode_payload, encode_value
from azure.servicebus._pyamqp.message import Message, Properties

from local.servicebus.performatives import (
    AmqpError,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    Transfer,
)

SUPPORTED: Final = "7.15"
if not sdk_version.startswith(f"{SUPPORTED}."):
    raise ImportError(
        f"local/servicebus was built on the codec inside azure-servicebus {SUPPORTED}; {sdk_version} is installed. "
        f"Install azure-servicebus {SUPPORTED}, or run test_servicebus_codec.py against the new version, "
        "mend codec.py where it fails and raise SUPPORTED."
    )

AMQP_HEADER: Final = b"AMQP\x00\x01\x00\x00"
SASL_HEADER: Final = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME: Final = b"\x00\x00\x00\x08\x02\x00\x00\x00"
MECHANISMS: Final = (b"ANONYMOUS", b"MSSBCBS")

_INCOMING: Final[dict[int, type[Any]]] = {
    0x10: Open,
    0x11: Begin,
    0x12: Attach,
    0x13: Flow,
    0x14: Transfer,
    0x15: Disposition,
    0x16: Detach,
    0x17: End,
    0x18: Close,
    0x41: SaslInit,
}
_OUTGOING: Final[dict[type[Any], Any]] = {
    Open: performatives.OpenFrame,
    Begin: performatives.BeginFrame,
    Attach: performatives.AttachFrame,
    Flow: performatives.FlowFrame,
    Transfer: performatives.TransferFrame,
    Disposition: performatives.DispositionFrame,
    Detach: performatives.DetachFrame,
    End: performatives.EndFrame,
    Close: performatives.CloseFrame,
}
# The table of decoders by constructor has no public name.
_DECODERS: Final = cast(
    "Sequence[Callable[[memoryview], tuple[memoryview, Any]]]", vars(decoding)["_DECODE_BY_CONSTRUCTOR"]
)
_TEXT: Final = (0xA1, 0xB1, 0xA3, 0xB3)  # constructors of string and symbol
_TIMESTAMP: Final = 0x83
# What the codec lets slip on bytes that are no AMQP; ArithmeticError covers its decimals.
_GARBAGE: Final = (ArithmeticError, IndexError, KeyError, TypeError, ValueError, RecursionError, struct.error)


class CodecError(ValueError):
    """The bytes are not valid AMQP 1.0."""


def decode(body: bytes | memoryview) -> Performative:
    """A frame's body as a typed performative.

    Raises:
        CodecError: bytes that are no performative, or one that a client must not send.
    """
    try:
        code, fields = decode_frame(memoryview(body))
        return _INCOMING[code](*fields)
    except _GARBAGE as wrong:
        raise CodecError(f"malformed frame: {type(wrong).__name__}: {wrong}") from wrong


def encode(channel: int, performative: Performative) -> bytes:
    """A whole AMQP frame, size first."""
    header, body = encode_frame(_OUTGOING[type(performative)](*performative))
    return header + struct.pack(">H", channel) + bytes(body or b"")


def sasl_mechanisms() -> bytes:
    return _sasl(performatives.SASLMechanism(list(MECHANISMS)))


def sasl_outcome(code: int) -> bytes:
    """The SASL outcome: 0 is ok, 1 is a failed authentication (AMQP 1.0 section 5.3.3.6)."""
    return _sasl(performatives.SASLOutcome(code, None))


def _sasl(frame: Any) -> bytes:
    header, body = encode_frame(frame, frame_type=b"\x01")
    return header + b"\x00\x00" + bytes(body or b"")


# Termini, outcomes and errors


def source(address: str | None, session_id: str | None = None) -> Any:
    """A source; a session's id goes back undescribed under the filter that asked for it."""
    filters = None if session_id is None else {b"com.microsoft:session-filter": session_id}
    return endpoints.Source(address=address, filters=filters)


def target(address: str | None) -> Any:
    return endpoints.Target(address=address)


def amqp_error(wrong: AmqpError) -> Any:
    """All three fields, info not empty: the SDK reads info by index and hangs a send without it."""
    return error.AMQPError(wrong.condition, wrong.description, {"broker": "local"})


ACCEPTED: Final = outcomes.Accepted()
REJECTED: Final = outcomes.Rejected(None)
RELEASED: Final = outcomes.Released()


def rejected(wrong: AmqpError) -> Any:
    return outcomes.Rejected(amqp_error(wrong))


def modified(*, undeliverable_here: bool) -> Any:
    return outcomes.Modified(delivery_failed=True, undeliverable_here=undeliverable_here, message_annotations=None)


# Values


def symbol(value: str) -> Any:
    return {"TYPE": "SYMBOL", "VALUE": value}


def long(value: int) -> Any:
    return {"TYPE": "LONG", "VALUE": value}


def timestamp(milliseconds: int) -> Any:
    return {"TYPE": "TIMESTAMP", "VALUE": milliseconds}


def array(values: list[Any]) -> Any:
    return {"TYPE": "ARRAY", "VALUE": values}


def encode_any(value: Any) -> bytes:
    """One value with its constructor; ints are encoded as AMQP int unless wrapped."""
    output = bytearray()
    encode_value(output, value)
    return bytes(output)


def decode_any(raw: bytes | memoryview) -> Any:
    """One value; strings, symbols and binary come as bytes unless the constructor says string or symbol.

    Raises:
        CodecError: bytes that are no AMQP value.
    """
    view = memoryview(raw)
    try:
        _, value = _DECODERS[view[0]](view[1:])
        if view[0] in _TEXT:
            return value.decode()
        if view[0] == _TIMESTAMP:
            return datetime.fromtimestamp(value / 1000, UTC)
    except (*_GARBAGE, OSError) as wrong:
        raise CodecError(f"malformed value: {type(wrong).__name__}: {wrong}") from wrong
    return value


# Requests and responses on $cbs and $management: small messages that the codec may decode whole


def decode_request(payload: bytes) -> tuple[Any, dict[str, Any], Any]:
    """Message id (with its AMQP type), application properties and the amqp-value body of a request.

    Raises:
        CodecError: bytes that are no message.
    """
    try:
        message = decode_payload(memoryview(payload))
        message_id = message.properties[0] if message.properties else None
        if isinstance(message_id, bytes):
            message_id = message_id.decode()
        return message_id, _plain(message.application_properties or {}), _plain(message.value)
    except _GARBAGE as wrong:
        raise CodecError(f"malformed request: {type(wrong).__name__}: {wrong}") from wrong


def encode_response(correlation_id: Any, properties: dict[str | bytes, Any], value: Any) -> bytes:
    output = bytearray()
    reply = Properties(correlation_id=correlation_id)
    encode_payload(output, Message(properties=reply, application_properties=properties, value=value))
    return bytes(output)


def _plain(value: Any) -> Any:
    """Keys as text; values stay as decoded, text among them as bytes."""
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value).items()
        return {key.decode() if isinstance(key, bytes) else key: _plain(item) for key, item in entries}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value

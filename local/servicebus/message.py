"""payload -> sections -> what the broker reads, the bare message untouched -> payload with the broker's own header

The sections from properties onwards are kept byte for byte (AMQP 1.0 part 3, section 3.2: the bare message is
immutable), so a body of any type survives. Only dead-lettering adds to the application properties, by splicing.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from local.servicebus.codec import CodecError, decode_any, encode_any, symbol

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = 0x70, 0x71, 0x72, 0x73, 0x74
DATA, FOOTER = 0x75, 0x78
BATCH_FORMAT: Final = 0x80013700

PARTITION_KEY: Final = "x-opt-partition-key"
SCHEDULED: Final = "x-opt-scheduled-enqueue-time"
ENQUEUE_SEQUENCE: Final = "x-opt-enqueue-sequence-number"
DEAD_LETTER_SOURCE: Final = "x-opt-deadletter-source"

_FIXED: Final = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_NAMES: Final = (
    *("message_id", "user_id", "to", "subject", "reply_to", "correlation_id", "content_type", "content_encoding"),
    *("absolute_expiry_time", "creation_time", "group_id", "group_sequence", "reply_to_group_id"),
)
_NOTHING: Final = memoryview(b"\x45")  # an empty list
_PROPERTY: Final = {name: place for place, name in enumerate(_NAMES)}


def skip(payload: memoryview, at: int) -> int:
    """Where the value that starts at `at` ends.

    Raises:
        CodecError: a constructor AMQP does not have, or a value that reaches beyond the payload.
    """
    try:
        constructor = payload[at]
        if constructor == 0:
            return skip(payload, skip(payload, at + 1))
        kind = constructor >> 4
        if kind in _FIXED:
            end = at + 1 + _FIXED[kind]
        elif kind in (0xA, 0xC, 0xE):
            end = at + 2 + payload[at + 1]
        elif kind in (0xB, 0xD, 0xF):
            end = at + 5 + struct.unpack_from(">I", payload, at + 1)[0]
        else:
            raise CodecError(f"0x{constructor:02x} at byte {at} is no AMQP constructor")
    except (IndexError, struct.error, RecursionError) as wrong:
        raise CodecError(f"the value at byte {at} reaches beyond the message") from wrong
    if end > len(payload):
        raise CodecError(f"the value at byte {at} reaches beyond the message ({end} > {len(payload)})")
    return end


def sections(payload: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each section's descriptor code, the whole section and its value.

    Raises:
        CodecError: bytes that are no message sections.
    """
    at = 0
    while at < len(payload):
        value_at = skip(payload, at + 1) if payload[at] == 0 else at
        code = decode_any(payload[at + 1 : value_at]) if value_at > at else None
        if not isinstance(code, int) or not HEADER <= code <= FOOTER:
            raise CodecError(f"no message section at byte {at}")
        end = skip(payload, value_at)
        yield code, payload[at:end], payload[value_at:end]
        at = end


def items(compound: memoryview) -> list[bytes]:
    """The encoded items of a list or map, each with its constructor.

    Raises:
        CodecError: neither list nor map, or fewer items than announced.
    """
    constructor = compound[0]
    if constructor in (0x45, 0x40):
        return []
    if constructor in (0xC0, 0xC1):
        count, at = compound[2], 3
    elif constructor in (0xD0, 0xD1):
        count, at = struct.unpack_from(">I", compound, 5)[0], 9
    else:
        raise CodecError(f"expected a list or a map, found constructor 0x{constructor:02x}")
    found: list[bytes] = []
    for _ in range(count):
        end = skip(compound, at)
        found.append(bytes(compound[at:end]))
        at = end
    return found


def _map(compound: memoryview) -> dict[str, bytes]:
    """A map's values, still encoded, by key as text (ulong keys of annotations are reserved and dropped)."""
    flat = items(compound)
    if len(flat) % 2:
        raise CodecError(f"a map with {len(flat)} items, which is odd")
    keys = (decode_any(key) for key in flat[::2])
    return {key: value for key, value in zip(keys, flat[1::2], strict=True) if isinstance(key, str)}


def _encode_map(code: int, entries: Mapping[str, bytes], *, symbols: bool) -> bytes:
    body = b"".join(encode_any(symbol(key) if symbols else key) + value for key, value in entries.items())
    return b"\x00\x53" + bytes([code]) + b"\xd1" + struct.pack(">II", len(body) + 4, 2 * len(entries)) + body


@dataclass(frozen=True)
class Message:
    """A message at rest. Times to live in milliseconds; None is for ever."""

    bare: bytes
    annotations: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    durable: bool = False
    priority: int | None = None
    ttl: int | None = None

    @cached_property
    def _sections(self) -> dict[int, memoryview]:
        return {code: value for code, _, value in sections(memoryview(self.bare)) if code < DATA}

    @cached_property
    def _properties(self) -> list[Any]:
        return [decode_any(item) for item in items(self._sections.get(PROPERTIES, _NOTHING))]

    def property(self, name: str) -> Any:
        """One of AMQP's properties (`message_id`, `to`, `subject`, `group_id`, ...), None if absent."""
        place = _PROPERTY[name]
        return self._properties[place] if place < len(self._properties) else None

    @cached_property
    def application_properties(self) -> dict[str, Any]:
        raw = _map(self._sections.get(APPLICATION_PROPERTIES, _NOTHING))
        return {key: decode_any(value) for key, value in raw.items()}

    @cached_property
    def message_id(self) -> str | None:
        found = self.property("message_id")
        return str(found) if isinstance(found, str | UUID | int) else None

    @cached_property
    def session_id(self) -> str | None:
        found = self.property("group_id")
        return found if isinstance(found, str) else None

    def annotation(self, name: str) -> Any:
        raw = self.annotations.get(name)
        return None if raw is None else decode_any(raw)

    def annotated(self, **changes: Any) -> "Message":
        """With annotations set (or, given None, dropped); `_` in a name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        kept = {name: raw for name, raw in self.annotations.items() if name not in named}
        added = {name: encode_any(value) for name, value in named.items() if value is not None}
        return replace(self, annotations={**kept, **added})

    def with_application_properties(self, **added: str | None) -> "Message":
        """The same bare message with text properties set; every other byte stays."""
        before = after = b""
        old: dict[str, bytes] = {}
        for code, section, value in sections(memoryview(self.bare)):
            if code == APPLICATION_PROPERTIES:
                old = _map(value)
            elif code < APPLICATION_PROPERTIES:
                before += section
            else:
                after += section
        new = {key: encode_any(value) for key, value in added.items() if value is not None}
        middle = _encode_map(APPLICATION_PROPERTIES, {**old, **new}, symbols=False)
        return replace(self, bare=before + middle + after)

    def wire(self, delivery_count: int = 0, **annotations: Any) -> bytes:
        """The whole message as a receiver gets it, with the broker's header and these annotations on top."""
        fields = (encode_any(self.durable), _ubyte(self.priority), _uint(self.ttl), b"\x40", _uint(delivery_count))
        body = b"".join(fields)
        header = b"\x00\x53\x70\xd0" + struct.pack(">II", len(body) + 4, len(fields)) + body
        entries = self.annotated(**annotations).annotations if annotations else self.annotations
        return header + (_encode_map(ANNOTATIONS, entries, symbols=True) if entries else b"") + self.bare


def _ubyte(value: int | None) -> bytes:
    return b"\x40" if value is None else b"\x50" + bytes([value])


def _uint(value: int | None) -> bytes:
    return b"\x40" if value is None else b"\x70" + struct.pack(">I", value)


def parse(payload: bytes | memoryview) -> Message:
    """A sender's payload as a message; header and annotations read, the rest kept.

    Raises:
        CodecError: bytes that are no AMQP message, or sections that cannot be read.
    """
    bare: list[memoryview] = []
    header: list[Any] = []
    annotations: dict[str, bytes] = {}
    for code, section, value in sections(memoryview(payload)):
        if code == HEADER:
            header = [decode_any(item) for item in items(value)]
        elif code == ANNOTATIONS:
            annotations = _map(value)
        elif code != DELIVERY_ANNOTATIONS:
            bare.append(section)
    durable, priority, ttl = (*header, None, None, None)[:3]
    for name, value, limit in (("priority", priority, 0xFF), ("ttl", ttl, 0xFFFFFFFF)):
        if value is not None and not (isinstance(value, int) and 0 <= value <= limit):
            raise CodecError(f"the header's {name} must be a number up to {limit}, not {value!r}")
    message = Message(b"".join(bare), annotations, durable=bool(durable), priority=priority, ttl=ttl)
    _ = message.message_id, message.application_properties, message.annotation(SCHEDULED)  # unreadable ones fail here
    return message


def split_batch(payload: bytes | memoryview) -> list[bytes]:
    """The messages inside a batch (message format 0x80013700): one per data section, the envelope ignored.

    Raises:
        CodecError: an envelope that holds no data sections.
    """
    found = [decode_any(value) for code, _, value in sections(memoryview(payload)) if code == DATA]
    if not found:
        raise CodecError("the batch holds no messages")
    return found

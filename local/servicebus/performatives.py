"""frame body <-> codec <-> one of these typed shapes

The fields and their order are those of AMQP 1.0 part 2 (transport) section 2.7 and part 5 (SASL) section 5.3.3.
Text arrives as `bytes`, because the codec does not tell string, symbol and binary apart; `text()` reads it.
"""

from typing import Any, NamedTuple

SENDER = False
RECEIVER = True


class Open(NamedTuple):
    container_id: Any
    hostname: Any = None
    max_frame_size: int = 4294967295
    channel_max: int = 65535
    idle_timeout: int | None = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Begin(NamedTuple):
    remote_channel: int | None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int
    handle_max: int = 4294967295
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Attach(NamedTuple):
    name: Any
    handle: int
    role: bool
    send_settle_mode: int = 2
    rcv_settle_mode: int = 0
    source: Any = None
    target: Any = None
    unsettled: Any = None
    incomplete_unsettled: bool = False
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Flow(NamedTuple):
    next_incoming_id: int | None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False
    properties: Any = None


class Transfer(NamedTuple):
    handle: int
    delivery_id: int | None
    delivery_tag: bytes | None
    message_format: int = 0
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: Any = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False
    payload: bytes | memoryview = b""


class Disposition(NamedTuple):
    role: bool
    first: int
    last: int | None = None
    settled: bool = False
    state: Any = None
    batchable: bool = False


class Detach(NamedTuple):
    handle: int
    closed: bool = False
    error: Any = None


class End(NamedTuple):
    error: Any = None


class Close(NamedTuple):
    error: Any = None


class SaslInit(NamedTuple):
    mechanism: bytes
    initial_response: bytes | None = None
    hostname: Any = None


Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close | SaslInit


class AmqpError(NamedTuple):
    """An error as a detach, a rejected outcome or a close carries it: condition (symbol) and a sentence."""

    condition: str
    description: str


def text(value: Any) -> str | None:
    """A string or symbol as Python text; None stays None.

    Raises:
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    return value.decode() if isinstance(value, bytes) else value


class ProtocolError(Exception):
    """The peer broke the protocol; the connection closes with this condition and sentence."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.error = AmqpError(condition, description)

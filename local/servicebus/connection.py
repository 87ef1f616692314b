"""bytes -> protocol headers -> SASL -> frames -> sessions; answers wait in `out` until the broker has committed

One TCP connection, as AMQP 1.0 part 2 describes it. Whatever a peer does wrong ends in a close with a condition and
a sentence; a fault of ours ends this connection and is logged, and the broker lives on.
"""

import asyncio
import logging
import struct
from enum import Enum, auto
from typing import Final

from local.servicebus import codec
from local.servicebus.auth import Claim, Key, Right, refusal
from local.servicebus.broker import Broker, clock
from local.servicebus.codec import AMQP_HEADER, EMPTY_FRAME, SASL_HEADER, CodecError
from local.servicebus.performatives import AmqpError, Begin, Close, Open, Performative, ProtocolError, SaslInit
from local.servicebus.session import Session

log: Final = logging.getLogger(__name__)

MAX_FRAME: Final = 65_536  # as Azure announces
SASL_OK: Final = 0
SASL_AUTH: Final = 1
AMQP_FRAME: Final = 0
SASL_FRAME: Final = 1


class Stage(Enum):
    HEADER = auto()
    SASL_INIT = auto()
    AMQP_HEADER = auto()
    OPEN = auto()
    RUNNING = auto()
    CLOSED = auto()


class Connection(asyncio.Protocol):
    def __init__(self, broker: Broker, keys: dict[str, Key]) -> None:
        self.broker = broker
        self.keys = keys
        self.claims: list[Claim] = []
        self.sessions: dict[int, Session] = {}
        self.peer_max_frame = MAX_FRAME
        self.out = bytearray()
        self._stage = Stage.HEADER
        self._buffer = bytearray()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport
        self.broker.peers.append(self)
        if self.broker.halted.is_set():
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it was lost
        self.broker.peers.remove(self)
        if self._heartbeat:
            self._heartbeat.cancel()
        self._stage = Stage.CLOSED
        for session in self.sessions.values():
            session.vanish()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._stage is not Stage.CLOSED and self._step():
                pass
        except ProtocolError as wrong:
            self.close(wrong.error)
        except CodecError as wrong:
            self.close(AmqpError("amqp:decode-error", str(wrong)))
        except Exception:
            log.exception("a fault in the emulator ends one connection")
            self.close(AmqpError("amqp:internal-error", "the emulator failed; its log says where"))
        self.broker.settle_soon()

    def write(self) -> None:
        """Called when what was done so far is on disk."""
        if self.out and self._transport:
            self._transport.write(bytes(self.out))
            self.out.clear()
        if self._stage is Stage.CLOSED and self._transport:
            self._transport.close()

    # Frames

    def send(self, channel: int, performative: Performative) -> None:
        self.out += codec.encode(channel, performative)

    def close(self, wrong: AmqpError | None = None) -> None:
        if self._stage is Stage.RUNNING:
            self.send(0, Close(codec.amqp_error(wrong) if wrong else None))
        self._stage = Stage.CLOSED
        self.broker.settle_soon()

    def abort(self) -> None:
        """Break the connection without a word more."""
        self.out.clear()
        if self._transport:
            self._transport.abort()

    def refusal(self, right: Right, path: str) -> str | None:
        """Why this connection may not do this to this entity, None if it may."""
        return refusal(self.claims, right, path, clock() / 1000)

    def _step(self) -> bool:
        """Handle one header or frame if it is here as a whole."""
        if self._stage in (Stage.HEADER, Stage.AMQP_HEADER):
            return self._header()
        if len(self._buffer) < len(EMPTY_FRAME):
            return False
        size, offset, kind, channel = struct.unpack_from(">IBBH", self._buffer)
        if size < len(EMPTY_FRAME) or size > MAX_FRAME or offset < 2 or offset * 4 > size:  # noqa: PLR2004 - words of 4
            wrong = f"a frame of {size} bytes with its body at word {offset}; at most {MAX_FRAME} bytes are allowed"
            raise ProtocolError("amqp:connection:framing-error", wrong)
        if len(self._buffer) < size:
            return False
        body = bytes(self._buffer[offset * 4 : size])
        del self._buffer[:size]
        if kind != (SASL_FRAME if self._stage is Stage.SASL_INIT else AMQP_FRAME):
            raise ProtocolError("amqp:connection:framing-error", f"a frame of type {kind} is not expected here")
        if body:
            self._frame(channel, codec.decode(body))
        return True

    def _header(self) -> bool:
        if len(self._buffer) < len(AMQP_HEADER):
            return False
        header = bytes(self._buffer[: len(AMQP_HEADER)])
        del self._buffer[: len(AMQP_HEADER)]
        if self._stage is Stage.HEADER:
            self.out += SASL_HEADER  # also the answer to any other header, before closing (part 2, section 2.2)
            if header != SASL_HEADER:
                self.close()
                return False
            self.out += codec.sasl_mechanisms()
            self._stage = Stage.SASL_INIT
        else:
            self.out += AMQP_HEADER
            if header != AMQP_HEADER:
                self.close()
                return False
            self._stage = Stage.OPEN
        return True

    def _frame(self, channel: int, frame: Performative) -> None:
        if self._stage is Stage.SASL_INIT:
            known = isinstance(frame, SaslInit) and frame.mechanism in codec.MECHANISMS
            self.out += codec.sasl_outcome(SASL_OK if known else SASL_AUTH)
            self._stage = Stage.AMQP_HEADER if known else Stage.CLOSED
        elif self._stage is Stage.OPEN:
            if not isinstance(frame, Open):
                raise ProtocolError("amqp:illegal-state", f"{type(frame).__name__} before open")
            self._open(frame)
        elif isinstance(frame, Begin):
            self.sessions[channel] = Session(self, channel, frame)
        elif isinstance(frame, Close):
            self.close()
        elif channel in self.sessions:
            if not self.sessions[channel].on_frame(frame):
                del self.sessions[channel]
        else:
            raise ProtocolError("amqp:illegal-state", f"{type(frame).__name__} on channel {channel} before begin")

    def _open(self, frame: Open) -> None:
        self._stage = Stage.RUNNING
        self.peer_max_frame = max(512, frame.max_frame_size)
        self.send(0, Open("local-servicebus", max_frame_size=MAX_FRAME, channel_max=255))
        if frame.idle_timeout:
            self._beat(frame.idle_timeout / 2000)

    def _beat(self, seconds: float) -> None:
        """An empty frame at half the peer's idle timeout keeps it from giving us up."""
        self.out += EMPTY_FRAME
        self.broker.settle_soon()
        self._heartbeat = asyncio.get_running_loop().call_later(seconds, self._beat, seconds)

"""Bytes that no official client sends: the emulator answers, closes, and goes on serving the others."""

import asyncio
import struct
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.servicebus import codec
from local.servicebus.config import Config, Queue
from local.servicebus.performatives import (
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    Flow,
    Open,
    Performative,
    Transfer,
)
from local.servicebus.server import HOST, ServiceBusEmulator
from tests.local.servicebus.conftest import Clients, Start, drain

CONFIG = Config.of(queues=(Queue(name="orders"),))
PRODUCER = Attach("send", 2, SENDER, target=codec.target("orders"), initial_delivery_count=0)
CONSUMER = Attach("receive", 2, RECEIVER, 0, 1, source=codec.source("orders"))
SASL_INIT = bytes.fromhex("0000001902010000005341c00c01a309414e4f4e594d4f5553")


class Raw:
    """A client that sends what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Raw":
        return cls(*await asyncio.open_connection(HOST, port))

    async def handshake(self) -> None:
        self.writer.write(codec.SASL_HEADER + SASL_INIT + codec.AMQP_HEADER)
        assert await self.reader.readexactly(8) == codec.SASL_HEADER
        for _ in ("mechanisms", "outcome"):
            await self.frame()
        assert await self.reader.readexactly(8) == codec.AMQP_HEADER

    async def begin(self, max_frame: int = 65_536) -> None:
        await self.handshake()
        self.send(Open("raw", max_frame_size=max_frame), Begin(None, 0, 100, 100))
        assert isinstance(await self.read(), Open)
        assert isinstance(await self.read(), Begin)

    async def enter(self, clients: Clients, *links: Attach, max_frame: int = 65_536) -> None:
        """Begin with a token for `orders`, then attach these links (handles from 2 on)."""
        await self.begin(max_frame)
        audience = f"sb://{HOST}:{clients.bus.port}/orders"
        token = (await clients.client._credential.get_token(audience)).token
        self.send(
            Attach("in", 0, SENDER, target=codec.target("$cbs"), initial_delivery_count=0),
            Attach("out", 1, RECEIVER, source=codec.source("$cbs")),
            Flow(0, 100, 0, 100, handle=1, delivery_count=0, link_credit=10),
            Transfer(0, 0, b"t", payload=codec.encode_response(None, {"operation": "put-token"}, token)),
            *links,
        )
        for link in links:
            await self.until(Attach, name=link.name.encode())

    async def until(self, kind: type[Any], **wanted: Any) -> Any:
        """The next frame of this kind with these fields, others skipped."""
        while True:
            frame = await asyncio.wait_for(self.read(), 5)
            if isinstance(frame, kind) and all(getattr(frame, key) == value for key, value in wanted.items()):
                return frame

    def send(self, *frames: Performative) -> None:
        for frame in frames:
            self.writer.write(codec.encode(0, frame))

    async def frame(self) -> bytes:
        size = struct.unpack(">I", await self.reader.readexactly(4))[0]
        return await self.reader.readexactly(size - 4)

    async def read(self) -> Performative:
        return codec.decode((await self.frame())[4:])

    async def rest(self) -> bytes:
        found = await asyncio.wait_for(self.reader.read(), 5)
        self.writer.close()
        return found


def close_of(data: bytes) -> tuple[bytes, str]:
    frame = codec.decode(data[8:])
    assert isinstance(frame, Close)
    return frame.error[0], frame.error[1].decode()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\x00" * 40, b"AMQP\x00\x01\x00\x00", b"\xff" * 9]
)
async def test_another_protocol_gets_our_header_and_is_closed(start: Start, garbage: bytes) -> None:
    # given
    clients = await start(CONFIG)
    raw = await Raw.to(clients.bus.port)

    # when
    raw.writer.write(garbage)

    # then
    assert await raw.rest() == codec.SASL_HEADER


async def test_an_unknown_sasl_mechanism_fails_authentication(start: Start) -> None:
    # given
    raw = await Raw.to((await start(CONFIG)).bus.port)

    # when
    raw.writer.write(codec.SASL_HEADER + SASL_INIT.replace(b"ANONYMOUS", b"SOMETHING"))

    # then
    assert (await raw.rest()).endswith(codec.sasl_outcome(1))


async def test_a_tls_client_is_closed_without_a_hang(start: Start) -> None:
    # given
    raw = await Raw.to((await start(CONFIG)).bus.port)

    # when
    raw.writer.write(b"AMQP\x02\x01\x00\x00")

    # then
    assert await raw.rest() == codec.SASL_HEADER


@pytest.mark.parametrize(
    ("frame", "condition", "why"),
    [
        (struct.pack(">IBBH", 4, 2, 0, 0), b"amqp:connection:framing-error", "a frame of 4 bytes"),
        (struct.pack(">IBBH", 1 << 30, 2, 0, 0), b"amqp:connection:framing-error", "at most 65536 bytes"),
        (struct.pack(">IBBH", 8, 9, 0, 0), b"amqp:connection:framing-error", "body at word 9"),
        (struct.pack(">IBBH", 12, 2, 1, 0) + b"abcd", b"amqp:connection:framing-error", "type 1 is not expected"),
        (struct.pack(">IBBH", 12, 2, 0, 0) + b"\x00\x53\x7f\x45", b"amqp:decode-error", "malformed frame"),
        (struct.pack(">IBBH", 12, 2, 0, 0) + b"\xff\xff\xff\xff", b"amqp:decode-error", "malformed frame"),
        (codec.encode(5, Disposition(RECEIVER, 0)), b"amqp:illegal-state", "on channel 5 before begin"),
        (codec.encode(0, Open("again")), b"amqp:illegal-state", "Open inside a session"),
        (codec.encode(0, Transfer(9, 0, b"t")), b"amqp:session:unattached-handle", "handle 9"),
        (codec.encode(0, Detach(9)), b"amqp:session:unattached-handle", "handle 9"),
        (codec.encode(0, Flow(0, 1, 0, 1, handle=9)), b"amqp:session:unattached-handle", "handle 9"),
    ],
)
async def test_a_frame_that_breaks_the_protocol_closes_the_connection_and_says_why(
    start: Start, frame: bytes, condition: bytes, why: str
) -> None:
    # given
    raw = await Raw.to((await start(CONFIG)).bus.port)
    await raw.begin()

    # when
    raw.writer.write(frame)

    # then
    found, description = close_of(await raw.rest())
    assert (found, why in description) == (condition, True), description


@pytest.mark.parametrize(
    ("attach", "condition"),
    [
        (Attach("l", 0, SENDER, source=codec.source("x"), target=codec.target(None)), b"amqp:not-implemented"),
        (Attach("l", 0, SENDER), b"amqp:not-implemented"),
        (Attach("l", 0, RECEIVER, source=codec.source("orders")), b"amqp:unauthorized-access"),
        (Attach("l", 0, SENDER, target=codec.target("orders")), b"amqp:unauthorized-access"),
        (Attach("l", 0, SENDER, target=codec.target("nowhere")), b"amqp:not-found"),
        (Attach("l", 0, SENDER, target=codec.target("nowhere/$management")), b"amqp:not-found"),
    ],
)
async def test_an_attach_without_address_or_token_is_refused_with_null_termini(
    start: Start, attach: Attach, condition: bytes
) -> None:
    # given
    raw = await Raw.to((await start(CONFIG)).bus.port)
    await raw.begin()

    # when
    raw.send(attach)

    # then
    answer, detach = await raw.read(), await raw.read()
    assert isinstance(answer, Attach)
    assert (answer.source, answer.target) == (None, None)
    assert isinstance(detach, Detach)
    assert detach.error[0] == condition
    raw.writer.close()


async def test_a_client_that_vanishes_amid_a_message_leaves_nothing_behind(start: Start) -> None:
    # given
    clients = await start(CONFIG)
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, PRODUCER)

    # when half a message is sent, and the connection broken
    raw.send(Transfer(2, 1, b"u", more=True, payload=b"\x00\x53\x75\xa0\x05he"))
    await raw.writer.drain()
    raw.writer.transport.abort()

    # then
    await clients.send("orders", "whole")
    assert [str(m) for m in await drain(await clients.receiver("orders"))] == ["whole"]


async def test_an_aborted_delivery_is_forgotten(start: Start) -> None:
    # given
    clients = await start(CONFIG)
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, PRODUCER)

    # when
    body = b"\x00\x53\x75\xa0\x05hello"
    raw.send(
        Transfer(2, 1, b"u", more=True, payload=b"\x00\x53\x75\xa0\x05he"),
        Transfer(2, None, None, aborted=True),
        Transfer(2, 2, b"v", more=True, payload=body[:4]),
        Transfer(2, None, None, payload=body[4:]),
    )

    # then
    settled = await raw.until(Disposition, first=2)
    assert (settled.settled, settled.state) == (True, {"accepted": []})
    assert await clients.receive("orders") == ["hello"]
    raw.writer.close()


async def test_what_is_no_message_is_rejected_and_the_link_goes_on(start: Start) -> None:
    # given
    clients = await start(CONFIG)
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, PRODUCER)

    # when
    raw.send(Transfer(2, 1, b"u", payload=b"\x00\x53\x75\xa0\xffshort"), Transfer(2, 2, b"v", payload=b"no message"))
    refused = [await raw.until(Disposition, first=number) for number in (1, 2)]

    # then
    assert [frame.state["rejected"][0][0] for frame in refused] == [b"amqp:decode-error"] * 2
    assert "beyond the message" in refused[0].state["rejected"][0][1].decode()
    raw.writer.close()


async def test_a_settled_disposition_of_an_older_client_settles_too(start: Start) -> None:
    # given
    clients = await start(CONFIG)
    await clients.send("orders", "x")
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, CONSUMER)

    # when
    raw.send(Flow(0, 100, 2, 100, handle=2, delivery_count=0, link_credit=1))
    delivery = await raw.until(Transfer, handle=2)
    raw.send(Disposition(RECEIVER, delivery.delivery_id, settled=True, state=codec.ACCEPTED))
    await raw.writer.drain()
    await asyncio.sleep(0.05)

    # then
    assert await (await clients.receiver("orders")).peek_messages(sequence_number=1) == []
    raw.writer.close()


async def test_a_drained_link_gets_its_credit_used_up(start: Start) -> None:
    # given
    clients = await start(CONFIG)
    await clients.send("orders", "x")
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, CONSUMER)

    # when
    raw.send(Flow(0, 100, 2, 100, handle=2, delivery_count=0, link_credit=10, drain=True))

    # then
    await raw.until(Transfer, handle=2)
    flow = await raw.until(Flow, handle=2)
    assert (flow.delivery_count, flow.link_credit) == (10, 0)
    raw.writer.close()


async def test_a_message_is_split_to_the_frame_size_of_the_peer_and_waits_for_its_window(start: Start) -> None:
    # given a peer that takes small frames, and no more than ten of them
    clients = await start(CONFIG)
    await clients.send("orders", ServiceBusMessage(b"x" * 20_000))
    raw = await Raw.to(clients.bus.port)
    await raw.enter(clients, CONSUMER, max_frame=1024)

    # when
    raw.send(Flow(1, 10, 2, 100, handle=2, delivery_count=0, link_credit=1))
    first = [await raw.until(Transfer, handle=2) for _ in range(10)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(raw.frame(), 0.1)
    raw.send(Flow(11, 100, 2, 100))
    frames = first
    while frames[-1].more:
        frames.append(await raw.until(Transfer, handle=2))

    # then
    assert b"x" * 20_000 in b"".join(bytes(frame.payload) for frame in frames)
    assert [frame.delivery_id is None for frame in frames[:3]] == [False, True, True]
    raw.writer.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3), framed=st.booleans())
async def test_random_bytes_never_stop_the_emulator(bodies: list[bytes], *, framed: bool) -> None:
    # given
    async with ServiceBusEmulator(CONFIG) as bus:
        raw = await Raw.to(bus.port)
        await raw.begin()

        # when
        for body in bodies:
            raw.writer.write(struct.pack(">IBBH", len(body) + 8, 2, 0, 0) + body if framed else body)
        raw.writer.write_eof()

        # then it closes this one and lets the next one in
        await raw.rest()
        other = await Raw.to(bus.port)
        await other.begin()
        other.writer.close()

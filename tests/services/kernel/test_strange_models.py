"""Something answers at the model's address that is no model, or hardly one: a proxy, a portal, a broken server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.services.events import message, order
from tests.services.world import World

GOOD = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5.4-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


@asynccontextmanager
async def answering(body: bytes, kind: str = "application/json", *, missing: int = 0) -> AsyncIterator[str]:
    """An address where everything is answered with 200 and this body, of which `missing` bytes never come."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body) + missing}\r\n".encode())
        writer.write(b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def but(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


STRANGE: dict[str, tuple[bytes, str]] = {
    "a web page": (b"<html>Please log in</html>", "text/html"),
    "text": (b"OK", "text/plain"),
    "no JSON": (b'{"id": ', "application/json"),
    "nothing": (b"", "application/json"),
    "null": (b"null", "application/json"),
    "a list": (b"[]", "application/json"),
    "an empty object": (b"{}", "application/json"),
    "no choices": (but(choices=None), "application/json"),
    "no choice": (but(choices=[]), "application/json"),
    "a choice without a message": (but(choices=[{"index": 0, "finish_reason": "stop"}]), "application/json"),
    "a message without content": (but(choices=[{"index": 0, "message": {"role": "assistant"}}]), "application/json"),
    "content that is no text": (
        but(choices=[{"index": 0, "message": {"role": "assistant", "content": {"risk": "low"}}}]),
        "application/json",
    ),
    "no usage": (but(usage=None), "application/json"),
    "usage in words": (but(usage={"prompt_tokens": "few"}), "application/json"),
    "no model": (but(model=None), "application/json"),
}


@pytest.mark.parametrize(("body", "kind"), STRANGE.values(), ids=STRANGE.keys())
async def test_whatever_answers_the_event_is_decided_by_the_rules_at_the_latest_attempt(
    world: World, body: bytes, kind: str
) -> None:
    # given
    world.set(Retry__attempts=2, Retry__baseSeconds=0.01)
    process = world.process()
    await world.send(message(order()))

    # when
    async with answering(body, kind) as address:
        world.set(Model__endpoint=address)
        while not await world.records():
            await world.deliver(process)

    # then
    (entry,) = await world.decisions()
    assert entry["source"] == "rules"
    assert entry["why"]
    assert not await world.parked()


async def test_an_answer_that_breaks_off_is_tried_again(world: World) -> None:
    # given
    process = world.process()
    await world.send(message(order()))

    # when
    async with answering(but(), missing=100) as address:
        world.set(Model__endpoint=address)
        await world.deliver(process)

    # then
    (copy,) = await world.receive()
    assert copy.subject == "retry"

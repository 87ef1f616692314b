"""POST /{channel} -> knobs -> store; GET /messages -> what arrived

The body is what apprise's json:// sends (`title`, `message`) with `recipient` added to its payload; the idempotency key
comes as the header Idempotency-Key. The mailbox keeps the key and does not act on it: who sends twice shall see it.
"""

import json
import socket
import struct
from asyncio import sleep
from json import JSONDecodeError
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.mailbox.store import Store

FILTERS = frozenset({"channel", "recipient", "key"})
LARGEST = 1024 * 1024


class Trouble(BaseModel):
    """What goes wrong with the next deliveries of a channel.

    `status` is answered in place of 200 and nothing is stored; `drop` stores and then cuts the connection; `delay` is
    in seconds. After `times` deliveries (None: for ever) all is well again.
    """

    model_config = ConfigDict(extra="forbid")

    channel: Literal["email", "slack", "sms", "push", ""] = ""
    status: int | None = Field(default=None, ge=400, le=599)
    drop: bool = False
    delay: float = Field(default=0, ge=0, le=60)
    times: int | None = Field(default=None, ge=1)


class Desk:
    """The store and what is wrong at the moment."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.troubles: list[Trouble] = []

    def trouble(self, channel: str) -> Trouble:
        """What this delivery runs into; the first that fits counts, and is used up."""
        for at, trouble in enumerate(self.troubles):
            if trouble.channel in ("", channel):
                if trouble.times is not None:
                    left = trouble.times - 1
                    self.troubles[at : at + 1] = [trouble.model_copy(update={"times": left})] if left else []
                return trouble
        return Trouble()


def build_app(desk: Desk) -> Starlette:
    """The whole HTTP surface over one desk."""

    async def deliver(request: Request) -> Response:
        return await _deliver(desk, request)

    async def messages(request: Request) -> Response:
        unknown = sorted(set(request.query_params) - FILTERS)
        if unknown:
            return _refused(400, f"unknown filter {', '.join(unknown)}; there are {', '.join(sorted(FILTERS))}")
        return JSONResponse({"messages": [mail.model_dump() for mail in desk.store.find(dict(request.query_params))]})

    async def clear(_: Request) -> Response:
        desk.store.clear()
        return Response(status_code=204)

    async def trouble(request: Request) -> Response:
        try:
            desk.troubles = [Trouble.model_validate(each) for each in json.loads(await request.body())]
        except (ValueError, TypeError, RecursionError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            allowed = ", ".join(Trouble.model_fields)
            return _refused(400, f"expected a JSON list of troubles with {allowed}: {why}")
        return JSONResponse({"troubles": [each.model_dump() for each in desk.troubles]})

    return Starlette(
        routes=[
            Route("/messages", messages, methods=["GET"]),
            Route("/messages", clear, methods=["DELETE"]),
            Route("/_mailbox/troubles", trouble, methods=["PUT"]),
            Route("/{channel}", deliver, methods=["POST"]),
        ]
    )


async def _deliver(desk: Desk, request: Request) -> Response:
    body = await request.body()
    if len(body) > LARGEST:
        return _refused(413, f"{len(body):,} bytes; a message has {LARGEST:,} at most")
    try:
        content: Any = json.loads(body)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        return _refused(400, f"the body is not JSON: {error}")
    if not isinstance(content, dict) or "message" not in content:
        return _refused(400, 'expected a JSON object such as {"title": "...", "message": "..."}, as json:// sends it')
    mail = cast("dict[str, Any]", content)
    channel: str = request.path_params["channel"]
    trouble = desk.trouble(channel)
    await sleep(trouble.delay)
    if trouble.status is not None:
        return _refused(trouble.status, "a knob says so")
    key = request.headers.get("idempotency-key", "")
    stored = desk.store.add(
        channel, str(mail.get("recipient", "")), key, str(mail.get("title", "")), str(mail["message"])
    )
    if trouble.drop:
        return _cut(request)
    return JSONResponse({"number": stored.number})


def _cut(request: Request) -> Response:
    """Answer with a TCP reset: the sender cannot know whether it was stored."""
    transport: Any = request.scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return Response()


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status_code=status)

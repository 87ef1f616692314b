"""HTTP -> key -> ask -> answer -> journal -> latency -> response"""

import socket
import struct
from asyncio import FIRST_COMPLETED, create_task, wait
from datetime import UTC, datetime
from secrets import compare_digest
from time import time
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.model.answering import Said
from local.model.control import control_routes
from local.model.desk import DEFAULT_MODEL, Desk
from local.model.errors import ApiError
from local.model.request import Ask, read_ask
from local.model.stats import Call

PREFIXES = ("/v1", "/openai/v1")
"""OpenAI's paths, and those of Azure OpenAI's v1 API."""
SUPPORTED = "This stand-in has POST {base}/chat/completions and GET {base}/models, with {base} = /v1 or /openai/v1."

REQUESTS_PER_MINUTE = 10_000
TOKENS_PER_MINUTE = 10_000_000
"""What the x-ratelimit headers count down from. Nothing is refused for it: a 429 comes from a knob."""


def build_app(desk: Desk) -> ASGIApp:
    """The whole HTTP surface over one desk."""
    routes = [route for prefix in PREFIXES for route in _api_routes(desk, prefix)]
    app = Starlette(
        routes=[*routes, *control_routes(desk)],
        exception_handlers={ApiError: _api_error, HTTPException: _no_route, Exception: _bug},
    )
    return _guarded(app, desk)


def _api_routes(desk: Desk, prefix: str) -> list[Route]:
    async def complete(request: Request) -> Response:
        with desk.stats.under_way():
            return await _complete(desk, request)

    async def models(_: Request) -> Response:
        names = list(desk.models) or [DEFAULT_MODEL]
        return JSONResponse({"object": "list", "data": [_model(name) for name in names]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if desk.model_of(name) is None:
            raise ApiError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
        return JSONResponse(_model(name))

    return [
        Route(f"{prefix}/chat/completions", complete, methods=["POST"]),
        Route(f"{prefix}/models", models, methods=["GET"]),
        Route(f"{prefix}/models/{{name}}", model, methods=["GET"]),
    ]


async def _complete(desk: Desk, request: Request) -> Response:
    try:
        ask = read_ask(await request.body(), desk.model_of)
    except ApiError:
        desk.stats.turned_away("invalid_request")
        raise
    said = desk.answerer.say(ask)
    event = ask.event or request.headers.get("x-client-request-id")
    desk.stats.record(
        Call(
            at=datetime.now(UTC),
            question=ask.question,
            facts=ask.facts_hash,
            event=event,
            model=ask.model,
            outcome=said.outcome,
            source=said.source,
            repair=ask.repair,
            tokens=said.tokens,
            note=said.note,
        )
    )
    if said.reset:
        return await _reset(request)
    if said.error:
        said.error.headers.update(_limits(desk))
        raise said.error
    await _hold(desk, request, desk.board.delay() + said.held)
    return JSONResponse(_completion(ask, said), headers=_limits(desk))


async def _hold(desk: Desk, request: Request, seconds: float) -> None:
    """Wait, but not for a client that is gone, nor when the stand-in stops."""
    if seconds <= 0:
        return
    gone, stopping = create_task(_gone(request)), create_task(desk.stopping.wait())
    try:
        await wait((gone, stopping), timeout=seconds, return_when=FIRST_COMPLETED)
    finally:
        gone.cancel()
        stopping.cancel()


async def _gone(request: Request) -> bool:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return True


async def _reset(request: Request) -> Response:
    """Cut the connection, with a TCP reset in place of an answer."""
    transport: Any = request.scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(request)
    return Response()


def _completion(ask: Ask, said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.content, "refusal": said.refusal, "annotations": []}
    spent = said.tokens
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time()),
        "model": ask.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}],
        "usage": {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
            "prompt_tokens_details": {"cached_tokens": spent.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": spent.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_standin",
    }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local"}


def _limits(desk: Desk) -> dict[str, str]:
    requests, tokens = desk.stats.last_minute()
    return {
        "x-ratelimit-limit-requests": str(REQUESTS_PER_MINUTE),
        "x-ratelimit-remaining-requests": str(max(0, REQUESTS_PER_MINUTE - requests)),
        "x-ratelimit-reset-requests": "60s",
        "x-ratelimit-limit-tokens": str(TOKENS_PER_MINUTE),
        "x-ratelimit-remaining-tokens": str(max(0, TOKENS_PER_MINUTE - tokens)),
        "x-ratelimit-reset-tokens": "60s",
    }


def _guarded(app: ASGIApp, desk: Desk) -> ASGIApp:
    """Key, outage, request id: what concerns every request, in this order."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = f"req_{uuid4().hex}".encode()

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id)]}
            await send(message)

        request = Request(scope, receive)
        controlled = request.url.path.startswith("/_standin/")
        if desk.board.knobs.down and not controlled:
            desk.stats.turned_away("down")
            gone = desk.board.knobs.down == "refused"
            response = await _reset(request) if gone else _shape(ApiError(503, _DOWN, kind="server_error"))
            await response(scope, receive, send_with_id)
        elif error := _key_error(request.headers, desk.key):
            desk.stats.turned_away("unauthorized")
            await _shape(error)(scope, receive, send_with_id)
        else:
            await app(scope, receive, send_with_id)

    return guarded


_DOWN = "The server is currently overloaded or not ready. Please try again later."


def _key_error(headers: Headers, key: str) -> ApiError | None:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = headers.get("api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not given:
        message = "You didn't provide an API key. Send it as 'Authorization: Bearer KEY', or as 'api-key: KEY'."
        return ApiError(401, message)
    if not compare_digest(given.encode(), key.encode()):
        return ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
    return None


def _shape(error: ApiError) -> Response:
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  # starlette hands over what it was registered for
    return _shape(error)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # starlette hands over what it was registered for
    asked = f"{request.method} {request.url.path}"
    if error.status_code == 405:  # noqa: PLR2004
        return _shape(ApiError(405, f"Not allowed: {asked}. {SUPPORTED}", code="method_not_supported"))
    return _shape(ApiError(404, f"Unknown request URL: {asked}. {SUPPORTED}", code="unknown_url"))


async def _bug(_: Request, error: Exception) -> Response:
    """Starlette logs the traceback; the client gets the API's shape."""
    return _shape(ApiError(500, f"a bug in the stand-in: {error!r:.200}", kind="server_error"))

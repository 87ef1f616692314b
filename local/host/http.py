"""a request to 127.0.0.1 -> the function whose route it is -> its response

First the platform's part, sign-in (local/host/sign_in.py). Then as the Functions host answers: 404 where no route fits,
and also where the route fits and the method does not (Azure/azure-functions-host#10098); 401 without the key; 413 above
100 MB; 500 with an empty body when the function fails; 204 when it returns nothing.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.host.apps import HostedFunction
from local.host.errors import HostError, all_of
from local.host.host_json import HttpLimits
from local.host.invoke import Invoker, TraceContext, in_one_line
from local.host.listeners import Signals
from local.host.routes import Route
from local.host.sign_in import SignIn, Unauthenticated, without_ours
from local.host.triggers import HttpTrigger

_log = logging.getLogger(__name__)
HOST = "127.0.0.1"
_LARGEST_BODY = 104_857_600
_ALL_METHODS = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Endpoint:
    """An HTTP function where it is found: its app's prefix and its own route."""

    function: HostedFunction
    trigger: HttpTrigger
    limits: HttpLimits

    @property
    def route(self) -> Route:
        return Route.parse(f"{self.limits.route_prefix}/{self.trigger.route.template}")

    @property
    def methods(self) -> tuple[str, ...]:
        return self.trigger.methods or _ALL_METHODS


class HttpListener:
    """Serves all HTTP functions of the host on one port; port 0 takes a free one.

    `keys` maps a function's name, `default` (any function) and `_master` (admin level too) to what a request must show
    as `?code=` or in the header `x-functions-key`. `sign_in` guards apps; those that it does not name are open.

    Raises:
        HostError: when the port is taken, two functions want the same requests, or a function that asks for a key has
            none to be asked for.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        invoke: Invoker,
        port: int,
        keys: Mapping[str, str],
        sign_in: SignIn | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._routes = sorted(((each.route, each) for each in endpoints), key=lambda pair: pair[0].rank)
        self._invoke, self._keys = invoke, keys
        self._refuse_mistakes()
        # named, or asyncio leaves Nagle on for what it accepts: 40 ms an answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise HostError(f"port {port} of {HOST} cannot be used: {error}; choose another with --port") from None
        self.port: int = self._socket.getsockname()[1]

    def __str__(self) -> str:
        return "\n".join(
            f"{endpoint.function} <- {','.join(endpoint.trigger.methods) or 'any method'} "
            f"http://{HOST}:{self.port}/{route.template} ({endpoint.trigger.auth_level})"
            for route, endpoint in self._routes
        )

    async def listen(self, signals: Signals) -> None:
        """See `Listener`."""
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
        )
        server = _Server(config, signals.ready)
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        try:
            await signals.stopping.wait()
        except asyncio.CancelledError:
            server.force_exit = True
            raise
        finally:
            server.should_exit = True
            await serving

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request({**scope, "headers": without_ours(scope["headers"])}, receive)
        with contextlib.suppress(ClientDisconnect):
            response = await self._response(request)
            await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        path = cast("bytes", request.scope["raw_path"]).decode("ascii", "replace")
        found = [(each, bound) for route, each in self._routes if (bound := route.match(path)) is not None]
        try:
            caller = self._caller(found[0][0].function.app if found else None, request)
        except Unauthenticated as reason:
            _log.info("401 for %s %s: %s", request.method, path, reason)
            challenge = f'Bearer realm="{HOST}", error="invalid_token", error_description="{reason}"'
            return Response(status_code=401, headers={"www-authenticate": challenge})
        request.scope["headers"] += caller
        for endpoint, bound in found:
            if request.method in endpoint.methods:
                return await self._call(endpoint, bound, request)
        if found:
            _log.info("404 for %s %s: the route takes %s", request.method, path, ", ".join(found[0][0].methods))
        return Response(status_code=404)

    async def _call(self, endpoint: Endpoint, bound: dict[str, str], request: Request) -> Response:
        if not self._may(endpoint, request.query_params.get("code") or request.headers.get("x-functions-key") or ""):
            return Response(status_code=401)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_BODY:
                return Response(status_code=413)
        argument = _http_request(request, bound, bytes(body))
        try:
            returned = await self._invoke(endpoint.function, argument, TraceContext.of(request.headers))
            response = _http_response(returned)
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            _log.warning("%s failed: %s", endpoint.function, in_one_line(error))
            _log.debug("%s failed", endpoint.function, exc_info=True)
            response = Response(status_code=500)
        response.headers.update(endpoint.limits.custom_headers)
        return response

    def _caller(self, app: str | None, request: Request) -> list[tuple[bytes, bytes]]:
        """The platform's headers about who calls."""
        if self._sign_in is None:
            return []
        told = self._sign_in.headers(app, request.headers.get("authorization", ""))
        return [(name.encode(), value.encode()) for name, value in told.items()]

    def _may(self, endpoint: Endpoint, shown: str) -> bool:
        accepted = {
            "anonymous": None,
            "function": (endpoint.function.name, "default", "_master"),
            "admin": ("_master",),
        }[endpoint.trigger.auth_level]
        if accepted is None:
            return True
        keys = [self._keys[name] for name in accepted if self._keys.get(name)]
        return any(hmac.compare_digest(shown.encode(), key.encode()) for key in keys)

    def _refuse_mistakes(self) -> None:
        problems, taken = list[str](), dict[tuple[str, str], HostedFunction]()
        for route, endpoint in self._routes:
            name, level = endpoint.function.name, endpoint.trigger.auth_level
            if (
                level != "anonymous"
                and not {name if level == "function" else "", "default", "_master"} & self._keys.keys()
            ):
                problems.append(
                    f"{endpoint.function} asks for a {level} key; pass --keys with a file that names {name}"
                )
            for method in endpoint.methods:
                other = taken.setdefault((method, route.template.lower()), endpoint.function)
                if other is not endpoint.function:
                    problems.append(f"{endpoint.function} and {other} both take {method} /{route.template}")
        all_of(problems)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the host's business."""
        yield


def _http_request(request: Request, bound: Mapping[str, str], body: bytes) -> Any:
    query = {name: ",".join(request.query_params.getlist(name)) for name in request.query_params}
    value = {
        "method": _text(request.method),
        "url": _text(str(request.url)),
        "headers": {name: _text(text) for name, text in request.headers.items()},
        "query": {name: _text(text) for name, text in query.items()},
        "params": {name: _text(text) for name, text in bound.items()},
        "body": Datum(body, "bytes"),
    }
    converter = cast("Any", HttpRequestConverter)  # its decode is untyped
    return converter.decode(Datum(value, "http"), trigger_metadata={})


def _text(value: str) -> Datum:
    return Datum(value, "string")


def _http_response(returned: object) -> Response:
    if returned is None:
        return Response(status_code=204)
    encoded: Any = HttpResponseConverter.encode(returned, expected_type=None)
    if encoded.type == "string":
        return Response(encoded.value, media_type="text/plain")
    parts = encoded.value
    headers = {name: datum.value for name, datum in parts["headers"].items()}
    response = Response(parts["body"].value, int(parts["status_code"].value), headers)
    for cookies in parts["cookies"] or ():
        for cookie in cookies.values():
            response.headers.append("set-cookie", cookie.OutputString())
    return response

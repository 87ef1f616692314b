import asyncio
import socket
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any

import azure.functions as func
import httpx
import pytest
import pytest_asyncio

from local.host.apps import HostedApp, read_app
from local.host.errors import HostError
from local.host.host_json import HostJson
from tests.local.host.support import host_json, hosting

pytestmark = pytest.mark.asyncio(loop_scope="module")

_KEYS = {"default": "any", "guarded": "own", "_master": "master"}


def _app() -> HostedApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("orders/{id:int}/{part?}", methods=["GET", "POST"])
    async def order(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        lines = [
            req.method,
            str(dict(req.route_params)),
            str(dict(req.params)),
            req.headers.get("X-Note", ""),
            req.get_body().decode(),
            context.trace_context.trace_parent,
        ]
        return func.HttpResponse("|".join(lines), status_code=201, headers={"X-Answer": "yes"})

    @app.route("orders/latest")
    def latest(req: func.HttpRequest) -> str:
        return "latest"

    @app.route("files/{*path}")
    def files(req: func.HttpRequest) -> str:
        return req.route_params.get("path", "none")

    @app.route("boom")
    async def boom(req: func.HttpRequest) -> func.HttpResponse:
        raise ValueError("secret detail")

    @app.route("number")
    def number(req: func.HttpRequest) -> Any:
        return 7

    @app.route("nothing", methods=["POST"])
    async def nothing(req: func.HttpRequest) -> None: ...

    @app.route("json", methods=["POST"])
    async def echo(req: func.HttpRequest) -> func.HttpResponse:
        response = func.HttpResponse(str(req.get_json()["a"]), mimetype="application/json")
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2; HttpOnly")
        return response

    @app.route(methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    def guarded(req: func.HttpRequest) -> str:
        return "in"

    @app.route("admin-only", auth_level=func.AuthLevel.ADMIN)
    def admin(req: func.HttpRequest) -> str:
        return "in"

    limits = {"version": "2.0", "extensions": {"http": {"customHeaders": {"X-Content-Type-Options": "nosniff"}}}}
    return read_app(app, "shop", HostJson.model_validate(limits), {})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncGenerator[httpx.AsyncClient]:
    port = _free_port()
    async with (
        hosting(_app(), {}, port=port, keys=_KEYS),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/") as client,
    ):
        yield client


async def test_a_request_reaches_its_function_and_the_response_comes_back(client: httpx.AsyncClient) -> None:
    # when
    headers = {"x-note": "hello", "traceparent": "00-1-2-01"}
    response = await client.post("ORDERS/007/lines?a=1&a=2&b=", content=b"body", headers=headers)

    # then
    assert response.status_code == HTTPStatus.CREATED
    assert response.text == "POST|{'id': '007', 'part': 'lines'}|{'a': '1,2', 'b': ''}|hello|body|00-1-2-01"
    assert response.headers["x-answer"] == "yes"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "orders/12", 201, None),
        ("GET", "orders/latest", 200, "latest"),
        ("GET", "orders/twelve", 404, ""),
        ("DELETE", "orders/12", 404, ""),
        ("GET", "nowhere", 404, ""),
        ("GET", "../orders/12", 404, ""),
        ("GET", "files", 200, "none"),
        ("GET", "files/a/b%20c", 200, "a/b c"),
        ("GET", "boom", 500, ""),
        ("GET", "number", 500, ""),
        ("POST", "nothing", 204, ""),
        ("HEAD", "orders/latest", 200, ""),
        ("GET", "guarded", 401, ""),
        ("GET", "guarded?code=wrong", 401, ""),
        ("GET", "guarded?code=own", 200, "in"),
        ("GET", "guarded?code=any", 200, "in"),
        ("GET", "guarded?code=master", 200, "in"),
        ("GET", "admin-only?code=any", 401, ""),
        ("GET", "admin-only?code=master", 200, "in"),
    ],
)
async def test_a_request_is_answered_as_the_functions_host_answers(
    client: httpx.AsyncClient, method: str, path: str, status: int, text: str | None
) -> None:
    # when
    response = await client.request(method, path)

    # then
    assert response.status_code == status
    assert text is None or response.text == text


async def test_a_key_may_come_in_the_header(client: httpx.AsyncClient) -> None:
    response = await client.get("guarded", headers={"x-functions-key": "own"})
    assert response.status_code == HTTPStatus.OK


async def test_json_in_and_cookies_out(client: httpx.AsyncClient) -> None:
    # when
    response = await client.post("json", json={"a": "ä"})

    # then
    assert response.text == "ä"
    assert response.headers["content-type"] == "application/json"
    assert response.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


async def test_a_body_that_is_no_json_is_the_functions_own_affair(client: httpx.AsyncClient) -> None:
    response = await client.post("json", content=b"{")
    assert response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert response.content == b""


async def test_requests_run_side_by_side(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.get("orders/latest") for _ in range(20)))
    assert {response.text for response in responses} == {"latest"}


async def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    # given
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        # when
        with pytest.raises(HostError) as caught:
            async with hosting(_app(), {}, port=port, keys=_KEYS):
                pass

    # then
    assert f"port {port} of 127.0.0.1 cannot be used" in str(caught.value)


async def test_functions_that_ask_for_keys_nobody_has_are_refused() -> None:
    with pytest.raises(HostError) as caught:
        async with hosting(_app(), {}, port=0):
            pass
    assert "shop: guarded asks for a function key; pass --keys" in str(caught.value)
    assert "shop: admin asks for a admin key" in str(caught.value)


async def test_two_functions_that_want_the_same_requests_are_refused() -> None:
    # given
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("same", methods=["GET"])
    def one(req: func.HttpRequest) -> str:
        return ""

    @app.route("SAME", methods=["GET", "POST"])
    def other(req: func.HttpRequest) -> str:
        return ""

    # when
    with pytest.raises(HostError) as caught:
        async with hosting(read_app(app, "shop", host_json(), {}), {}, port=0):
            pass

    # then
    assert "both take GET /api/" in str(caught.value)

"""The platform's part of an HTTP request: who gets through, and what the app is told of them."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import azure.functions as func
import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from local.host.apps import HostedApp, read_app
from local.host.errors import HostError
from local.host.sign_in import Door, SignIn, read_sign_in
from local.processes import free_port
from local.tokens import issue, key_pair, public_half
from services.kernel.caller import Caller
from tests.local.host.support import host_json, hosting

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOOR = Door(issuer="https://login.example/tenant/v2.0", audiences=("client-id", "api://client-id"))
KEY: RSAPrivateKey = generate_private_key(public_exponent=65537, key_size=2048)


def _app() -> HostedApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("who")
    def who(req: func.HttpRequest) -> str:
        told = {name: value for name, value in req.headers.items() if name.startswith("x-ms-")}
        caller = Caller.of(req) if "x-ms-client-principal" in told else None
        return json.dumps({"headers": told, "name": caller and caller.name, "roles": caller and sorted(caller.roles)})

    return read_app(app, "shop", host_json(), {})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncGenerator[httpx.AsyncClient]:
    port, sign_in = free_port(), SignIn(key=public_half(KEY), apps={"shop": DOOR})
    async with (
        hosting(_app(), {}, port=port, sign_in=sign_in),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/") as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def good(**changes: Any) -> str:
    door = DOOR.model_copy(update={name: value for name, value in changes.items() if name in Door.model_fields})
    key, lifetime = changes.get("key", KEY), changes.get("lifetime", timedelta(hours=1))
    return issue(key, door, name="Ada Bärg", roles=("Events.Send", "Cases.Read"), lifetime=lifetime)


async def test_an_app_is_told_who_calls_as_app_service_tells_it(guarded: httpx.AsyncClient) -> None:
    # when
    answer = await guarded.get("who", headers=bearer(good()))

    # then
    told = answer.json()
    assert told["name"] == "Ada Bärg"
    assert told["roles"] == ["Cases.Read", "Events.Send"]
    assert set(told["headers"]) == {f"x-ms-client-principal{part}" for part in ("", "-id", "-name", "-idp")}
    principal = json.loads(base64.b64decode(told["headers"]["x-ms-client-principal"]))
    assert principal.keys() == {"auth_typ", "claims", "name_typ", "role_typ"}
    assert principal["auth_typ"] == told["headers"]["x-ms-client-principal-idp"] == "aad"
    assert all(each.keys() == {"typ", "val"} and isinstance(each["val"], str) for each in principal["claims"])
    assert [each["val"] for each in principal["claims"] if each["typ"] == "roles"] == ["Events.Send", "Cases.Read"]


def _hmac_with_public_key() -> str:
    """The old trick: the public key taken for a shared secret. The library that issues refuses it, so it is by hand."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    claims = good().split(".")[1]
    signed = part(b'{"alg":"HS256"}') + "." + claims
    return f"{signed}.{part(hmac.new(public_half(KEY).encode(), signed.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize(
    ("why", "headers"),
    [
        ("no bearer token", {}),
        ("no bearer token", {"authorization": "Bearer"}),
        ("no bearer token", {"authorization": "Basic YTpi"}),
        ("Not enough segments", bearer("x")),
        ("expired", bearer(good(lifetime=timedelta(seconds=-1)))),
        ("Audience", bearer(good(audiences=("api://other",)))),
        ("issuer", bearer(good(issuer="https://login.example/other/v2.0"))),
        ("Signature", bearer(good(key=generate_private_key(public_exponent=65537, key_size=2048)))),
        ("alg", bearer(jwt.encode({"aud": "client-id", "iss": DOOR.issuer, "sub": "a", "exp": 2**40}, "", "none"))),
        ("alg", bearer(_hmac_with_public_key())),
        ("'exp'", bearer(jwt.encode({"aud": "client-id", "iss": DOOR.issuer, "sub": "a"}, KEY, "RS256"))),
        ("no bearer token", {"x-ms-client-principal": base64.b64encode(b'{"claims": []}').decode()}),
    ],
)
async def test_nobody_reaches_a_guarded_app_without_a_token_that_counts(
    guarded: httpx.AsyncClient, why: str, headers: dict[str, str]
) -> None:
    for path in ("who", "nowhere"):
        # when
        answer = await guarded.get(path, headers=headers)

        # then
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert answer.content == b""
        assert answer.headers["www-authenticate"].startswith('Bearer realm="127.0.0.1", error="invalid_token"')
        assert why.lower() in answer.headers["www-authenticate"].lower()


async def test_what_a_client_sends_under_the_platforms_names_never_arrives(guarded: httpx.AsyncClient) -> None:
    # given
    forged = {"X-MS-CLIENT-PRINCIPAL": "forged", "x-ms-client-principal-name": "admin", "X-Ms-Token-Aad-Id-Token": "t"}

    # when
    answer = await guarded.get("who", headers=bearer(good()) | forged)

    # then
    assert answer.json()["name"] == "Ada Bärg"
    assert "forged" not in answer.text
    assert "x-ms-token-aad-id-token" not in answer.json()["headers"]


async def test_an_app_that_nobody_guards_is_open_and_is_told_of_no_caller() -> None:
    # given
    port = free_port()
    async with hosting(_app(), {}, port=port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/") as client:
        # when
        answer = await client.get("who", headers={"X-MS-CLIENT-PRINCIPAL": "forged"})

    # then
    assert answer.json() == {"headers": {}, "name": None, "roles": None}


async def test_a_sign_in_file_that_says_nothing_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"key": 1}')

    with pytest.raises(HostError, match=r"broken.json is no sign-in file: key is 1"):
        read_sign_in(tmp_path / "broken.json")
    with pytest.raises(HostError, match=r"missing.json cannot be read"):
        read_sign_in(tmp_path / "missing.json")


async def test_the_key_pair_is_made_once_and_its_private_half_is_for_this_user_alone(tmp_path: Path) -> None:
    first, again = key_pair(tmp_path / "stack"), key_pair(tmp_path / "stack")

    assert public_half(first) == public_half(again)
    (file,) = (tmp_path / "stack").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600

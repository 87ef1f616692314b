"""The app `sources` as it stands, behind the platform's sign-in, and callers with tokens of the stack's kind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from local.host.apps import read_app
from local.host.host import Host
from local.host.host_json import load_host_json
from local.host.sign_in import Door, SignIn
from local.processes import free_port
from local.tokens import issue, public_half
from services.sources.handler import SERVICE
from services.sources.triggers import triggers
from tests.services.world import World, app_of

FOLDER = Path(__file__).parents[3] / "services" / "sources"
ADA = "ada@shop.example"


@pytest.fixture
def the_app() -> str:
    return "sources"


@pytest.fixture(scope="session")
def signing_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def door(world: World) -> Door:
    """Whose tokens the Pulumi program says that the app takes."""
    found = app_of(world.plan, "sources").door
    assert found
    return found


Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def bearer(door: Door, signing_key: RSAPrivateKey) -> Bearer:
    """The header of a caller with these app roles."""

    def made(*roles: str, name: str = ADA, lifetime: timedelta = timedelta(hours=1), **changes: Any) -> dict[str, str]:
        at = door.model_copy(update={name: value for name, value in changes.items() if name != "key"})
        token = issue(changes.get("key", signing_key), at, name=name, roles=roles, lifetime=lifetime)
        return {"Authorization": f"Bearer {token}"}

    return made


@pytest.fixture
async def http(
    world: World, door: Door, signing_key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that brings no token of its own."""
    async with hosted(world, door, signing_key, monkeypatch, tmp_path) as client:
        yield client


@asynccontextmanager
async def hosted(
    world: World, door: Door, key: RSAPrivateKey, environment: pytest.MonkeyPatch, memory: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The app in the host that plays the platform, on a port of its own."""
    app = func.FunctionApp()
    app.register_functions(triggers)
    declared = app_of(world.plan, "sources").declared
    settings = {**declared, "ServiceBus": world.setting("ServiceBus"), "Cosmos": world.setting("Cosmos")}
    loaded = read_app(app, "sources", load_host_json(FOLDER), settings)
    environment.setattr(SERVICE, "_opened", None)
    guard = SignIn(key=public_half(key), apps={"sources": door})
    port, stopping, ready = free_port(), asyncio.Event(), asyncio.Event()
    host = Host((loaded,), settings, memory=memory, port=port, sign_in=guard)
    running = asyncio.create_task(host.run(stopping, ready))
    await ready.wait()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/", timeout=30) as client:
        yield client
    stopping.set()
    await running

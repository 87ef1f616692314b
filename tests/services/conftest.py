"""The plan and the account once a session, a fresh world for each test that asks for one."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from azure.cosmos.aio import _retry_utility_async
from azure.servicebus._pyamqp.aio._client_async import AMQPClientAsync
from azure.servicebus._pyamqp.aio._connection_async import Connection
from azure.servicebus.aio import (
    _base_handler_async,
    _servicebus_receiver_async,
    _servicebus_sender_async,
    _session_browser_async,
)
from hypothesis import settings

from local.cosmos.server import CosmosEmulator
from local.graph import evaluate
from local.provision import Plan, plan
from tests.services.world import NewWorld, World, open_world

settings.register_profile("services", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("services")


@pytest.fixture(scope="session")
def the_plan() -> Plan:
    """What the Pulumi program declares for the stack `local`."""
    return plan(evaluate("local"))


@pytest.fixture(scope="session")
def account(the_plan: Plan) -> Iterator[CosmosEmulator]:
    with CosmosEmulator(principals=the_plan.cosmos_principals) as cosmos:
        yield cosmos


@pytest.fixture
def the_app() -> str:
    """Under whose key the tests run; a pattern's folder overrides it."""
    return "inference"


@pytest.fixture
def new_world(the_plan: Plan, account: CosmosEmulator, monkeypatch: pytest.MonkeyPatch, the_app: str) -> NewWorld:
    """Opens a world; one at a time, for they share the account."""
    _hurry(monkeypatch)
    return partial(open_world, the_plan, account, monkeypatch, the_app)


@pytest.fixture
async def world(new_world: NewWorld) -> AsyncIterator[World]:
    async with new_world() as opened:
        yield opened


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs poll in steps of 50 ms while they open and close, and wait between their own tries; no test must.

    Every client reads all certificates of the system, and nothing here speaks TLS.
    """

    class Hurried:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    async def no_keep_alive(self: AMQPClientAsync) -> None: ...

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: None)
    for module in (
        _servicebus_sender_async,
        _servicebus_receiver_async,
        _session_browser_async,
        _base_handler_async,
        _retry_utility_async,
    ):
        monkeypatch.setattr(module, "asyncio", Hurried())
    monkeypatch.setitem(Connection.__init__.__kwdefaults__, "idle_wait_time", 0)
    monkeypatch.setattr(AMQPClientAsync, "_keep_alive_async", no_keep_alive)

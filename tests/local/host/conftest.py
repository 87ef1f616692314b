import asyncio
from typing import Any

import pytest
from azure.servicebus._pyamqp.aio._client_async import AMQPClientAsync
from azure.servicebus._pyamqp.aio._connection_async import Connection
from azure.servicebus.aio import _servicebus_receiver_async, _servicebus_sender_async


class _Impatient:
    """asyncio for whom it is soon enough."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.005))


@pytest.fixture(autouse=True)
def _clients_that_open_and_close_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK polls while it opens and closes, and its keep-alive task keeps every close waiting for up to a second.

    That is 2 s of sleep in every test; no test is idle for long enough to need the keep-alive.
    """

    async def no_keep_alive(self: AMQPClientAsync) -> None: ...

    monkeypatch.setattr(AMQPClientAsync, "_keep_alive_async", no_keep_alive)
    monkeypatch.setitem(Connection.__init__.__kwdefaults__, "idle_wait_time", 0.005)
    monkeypatch.setattr(_servicebus_receiver_async, "asyncio", _Impatient())
    monkeypatch.setattr(_servicebus_sender_async, "asyncio", _Impatient())

"""A disk that fails: nothing is acknowledged any more, and no client is left waiting."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from azure.servicebus.exceptions import ServiceBusError

from local.servicebus.config import Config, Queue
from local.servicebus.server import ServiceBusEmulator
from tests.local.servicebus.conftest import Clients

CONFIG = Config.of(queues=(Queue(name="orders"),))


async def test_a_message_that_cannot_be_written_is_not_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # given a database that takes no more pages
    bus = await ServiceBusEmulator(CONFIG, state=tmp_path).__aenter__()
    clients = Clients(bus)
    await clients.send("orders", "kept")
    database: sqlite3.Connection = bus._broker.store._db
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    socket = clients.sender("orders")._handler._connection._transport.writer

    # when
    began = time.monotonic()
    with pytest.raises(ServiceBusError):
        await clients.send("orders", "x" * 200_000)

    # then
    assert time.monotonic() - began < 5
    await asyncio.wait_for(bus.halted(), 1)
    assert "database or disk is full" in caplog.text
    socket.close()  # which the SDK forgets after a reset
    await clients.end()
    await bus.__aexit__(None, None, None)
    async with ServiceBusEmulator(CONFIG, state=tmp_path) as again:
        survivors = Clients(again)
        assert await survivors.receive("orders") == ["kept"]
        await survivors.end()

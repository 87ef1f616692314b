"""a state directory survives restarts and kill -9; the command line starts, stops and refuses in words"""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from local.cosmos.server import CosmosEmulator
from local.cosmos.store import StoreError

ROOT = Path(__file__).parents[3]


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m local.cosmos` and the connection string that it printed."""
    command = [sys.executable, "-m", "local.cosmos", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as started:
        assert started.stdout is not None
        lines = [started.stdout.readline() for _ in range(2)]
        try:
            yield started, lines[1].partition(": ")[2].strip()
        finally:
            started.kill()


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with CosmosEmulator(state=tmp_path) as emulator:
        async with CosmosClient.from_connection_string(emulator.connection_string()) as client:
            database = await client.create_database("main")
            policy = {"uniqueKeys": [{"paths": ["/u"]}]}
            await database.create_container("items", PartitionKey("/pk"), unique_key_policy=policy, default_ttl=-1)
            container = database.get_container_client("items")
            before = await container.create_item({"id": "1", "pk": "a", "u": 1})

    with CosmosEmulator(state=tmp_path, ranges=4) as emulator:
        async with CosmosClient.from_connection_string(emulator.connection_string()) as client:
            container = client.get_database_client("main").get_container_client("items")
            after = await container.read_item("1", "a")
            properties = await container.read()
            second = await container.create_item({"id": "2", "pk": "a", "u": 2})
            fed = [(i["id"], i["_lsn"]) async for i in container.query_items_change_feed(start_time="Beginning")]

    assert after == before
    assert properties["defaultTtl"] == -1
    assert properties["uniqueKeyPolicy"] == policy
    assert second["_rid"] != before["_rid"]
    assert fed == [("1", 1), ("2", 2)]


async def test_kill_9_loses_no_acknowledged_write(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    enough = asyncio.Event()
    with process("--state", str(tmp_path)) as (started, connection):
        async with CosmosClient.from_connection_string(connection, retry_write=0) as client:
            database = await client.create_database("main")
            container = await database.create_container("items", PartitionKey("/pk"))

            async def write(writer: int) -> None:
                for n in range(1000):
                    await container.create_item({"id": f"{writer}-{n}", "pk": "a"})
                    acknowledged.append(f"{writer}-{n}")
                    if len(acknowledged) == 50:
                        enough.set()

            writing = [asyncio.create_task(write(writer)) for writer in range(4)]
            await enough.wait()
            started.send_signal(signal.SIGKILL)
            for task in writing:
                task.cancel()
            await asyncio.gather(*writing, return_exceptions=True)

    with CosmosEmulator(state=tmp_path) as emulator:
        async with CosmosClient.from_connection_string(emulator.connection_string()) as client:
            container = client.get_database_client("main").get_container_client("items")
            found = [item["id"] async for item in container.query_items("SELECT c.id FROM c", partition_key="a")]

    assert len(acknowledged) >= 50
    assert set(acknowledged) <= set(found)
    assert len(found) - len(acknowledged) <= 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number: signal.Signals) -> None:
    with process() as (started, connection):
        started.send_signal(number)

        code = started.wait(10)

        assert code == 0
        assert connection.startswith("AccountEndpoint=http://127.0.0.1:")
        assert started.stderr is not None
        assert started.stderr.read() == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--principals", "/nowhere/principals.json"], "/nowhere/principals.json cannot be read"),
        (["--state", "/proc/nowhere"], "The state directory /proc/nowhere cannot be used"),
        (["--ranges", "0"], "ranges"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_exit_code_is_2(options: list[str], says: str) -> None:
    with process(*options) as (started, _):
        assert started.wait(10) == 2
        assert started.stderr is not None
        said = started.stderr.read()

    assert says in said
    assert "Traceback" not in said


def test_a_port_in_use_is_said(one_range: CosmosEmulator) -> None:
    port = one_range.endpoint.rstrip("/").rpartition(":")[2]

    with process("--port", port) as (started, _):
        assert started.wait(10) == 2
        assert started.stderr is not None
        said = started.stderr.read()

    assert f"port {port} on 127.0.0.1 cannot be used" in said
    assert "Traceback" not in said


def test_two_emulators_do_not_share_a_state_directory(tmp_path: Path) -> None:
    with (
        CosmosEmulator(state=tmp_path),
        pytest.raises(StoreError, match="another emulator uses it"),
        CosmosEmulator(state=tmp_path),
    ):
        pass


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cosmos.sqlite").write_bytes(b"not a database" * 100)

    with pytest.raises(StoreError, match="not a store of this emulator"), CosmosEmulator(state=tmp_path):
        pass


def test_it_listens_on_loopback_only() -> None:
    with CosmosEmulator() as emulator:
        port = int(emulator.endpoint.rstrip("/").rpartition(":")[2])
        others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for address in others - {"127.0.0.1"}:
            with socket.socket() as probe:
                probe.settimeout(1)
                assert probe.connect_ex((str(address), port)) != 0

    with pytest.raises(RuntimeError, match="not running"):
        emulator.counts()


async def test_tls_serves_the_sdk_with_a_certificate_that_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with CosmosEmulator(state=tmp_path, tls=True) as emulator:
            async with CosmosClient.from_connection_string(emulator.connection_string()) as client:
                await client.create_database_if_not_exists("main")
    stamp = (tmp_path / "tls.crt").stat().st_mtime_ns

    with CosmosEmulator(state=tmp_path, tls=True) as emulator:
        assert emulator.endpoint.startswith("https://127.0.0.1:")

    assert (tmp_path / "tls.crt").stat().st_mtime_ns == stamp
    assert (tmp_path / "tls.key").stat().st_mode & 0o077 == 0


def test_a_stopped_emulator_refuses_connections() -> None:
    with CosmosEmulator() as emulator:
        port = int(emulator.endpoint.rstrip("/").rpartition(":")[2])

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0

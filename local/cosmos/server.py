"""state + principals + ranges -> a gateway on 127.0.0.1, in a thread with its own event loop

In a thread, so that blocking and async clients of the same process both reach it, whatever their event loop
is busy with.
"""

import asyncio
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import uvicorn

from local.cosmos.account import Account
from local.cosmos.app import Gateway
from local.cosmos.auth import Authority, Principals
from local.cosmos.data import Data
from local.cosmos.faults import Fault
from local.cosmos.items import Items
from local.cosmos.partition import physical_ranges
from local.cosmos.query.sqlite import register
from local.cosmos.resources import Resources
from local.cosmos.store import Store
from local.cosmos.tls import certificate

SWEEP_SECONDS = 1.0
_log = logging.getLogger(__name__)
_STARTUP_SECONDS = 10.0


class CosmosEmulator:
    """A Cosmos DB account for NoSQL on this machine.

    `port` 0 takes a free one; `state` is the directory that survives restarts, None keeps all in memory;
    `principals` are the keys besides the owner's (parsed, or the path of a principals.json); `ranges` is the
    number of physical partitions (1..64); `tls` serves https with a self-signed certificate.

    Use it as `async with` or `with`, or call start() and stop().
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state: Path | None = None,
        principals: Principals | Path | None = None,
        ranges: int = 1,
        tls: bool = False,
    ) -> None:
        """Nothing is opened yet.

        Raises:
            ValueError: ranges is not 1..64, or the principals file is unreadable or invalid.
        """
        self._port = port
        self._state = state
        self._tls = tls
        self._ranges = physical_ranges(ranges)
        loaded = Principals.load(principals) if isinstance(principals, Path) else principals
        self._authority = Authority(loaded or Principals())
        self._gateway: Gateway | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    # --- what clients need ---

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}/"

    def key(self, name: str = "owner") -> str:
        """The base64 account key of a principal. Raises KeyError that lists the known names."""
        return self._authority.key(name)

    def connection_string(self, key_name: str = "owner") -> str:
        return f"AccountEndpoint={self.endpoint};AccountKey={self.key(key_name)};"

    # --- what tests and chaos need ---

    def fail(self, fault: Fault) -> None:
        """Let the next matching requests fail or wait; also at POST /_emulator/faults."""
        self._running().faults.add(fault)

    def counts(self) -> dict[str, dict[str, int]]:
        """Requests per container, as GET /_emulator/counts: {"main/items": {"reads": 2, "batches": 1}}."""
        return self._running().counts.as_dict()

    def reset_counts(self) -> None:
        self._running().counts.clear()

    # --- life ---

    def start(self) -> Self:
        """Bind, serve, return when requests are answered.

        Raises:
            OSError: the port is in use.
            StoreError: the state directory cannot be used.
        """
        self._failure = None
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, started), name="cosmos", daemon=True)
        self._thread.start()
        if not started.wait(_STARTUP_SECONDS):
            message = f"the emulator did not start within {_STARTUP_SECONDS:g} s"
            raise TimeoutError(message)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Answer what is under way, close, release the state directory."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._server = self._gateway = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _running(self) -> Gateway:
        if self._gateway is None:
            message = "the emulator is not running; use it as a context manager or call start()"
            raise RuntimeError(message)
        return self._gateway

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        try:
            with listener, asyncio.Runner(loop_factory=_new_loop()) as runner:
                runner.run(self._serve(listener, started))
        except BaseException as error:  # noqa: BLE001 (start() raises it in the caller's thread)
            self._failure = error
        finally:
            started.set()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        with closing(Store(self._state)) as store, TemporaryDirectory(prefix="cosmos-") as scratch:
            self._gateway, items = self._open(store)
            files = certificate(self._state or Path(scratch)) if self._tls else None
            config = uvicorn.Config(
                self._gateway,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
                ssl_certfile=files and files.certificate,
                ssl_keyfile=files and files.key,
            )
            self._server = _Server(config, started)
            sweeper = asyncio.create_task(_sweep(items))
            await self._server.serve(sockets=[listener])
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper

    def _open(self, store: Store) -> tuple[Gateway, Items]:
        register(store.connection)
        resources = Resources(store)

        def matches(condition: str, document: str) -> bool:
            from local.cosmos.query.door import matches  # sqlglot takes 0.3 s to import

            return matches(store.connection, condition, document)

        items = Items(store, matches)
        account = Account(store.connection, resources, self._ranges)
        data = Data(store.connection, resources, items, self._ranges, time.time)
        return Gateway(self._authority, resources, account, data), items


class _Server(uvicorn.Server):
    """Says when it has started, and leaves the process's signals alone: it is a guest in its process."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._has_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._has_started.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _listen(port: int) -> socket.socket:
    # named, or asyncio leaves Nagle on for what it accepts: 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop  # not on Windows
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


async def _sweep(items: Items) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            items.expire()
        except sqlite3.Error:
            _log.exception("expired items could not be deleted; trying again in %g s", SWEEP_SECONDS)

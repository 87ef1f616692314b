"""options -> a bound socket on 127.0.0.1 -> uvicorn in a thread of its own -> stop"""

import socket
from asyncio import Transport
from contextlib import AbstractContextManager, nullcontext
from errno import EADDRINUSE
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.mailbox.app import Desk, Trouble, build_app
from local.mailbox.store import Mail, Store

HOST = "127.0.0.1"


class Mailbox:
    """The mailbox in this process; `port` 0 takes a free one, without `state` mail is kept in memory."""

    def __init__(self, *, port: int = 0, state: Path | None = None) -> None:
        """Raises OSError when the port or the state folder cannot be used."""
        self._desk = Desk(Store(state))
        try:
            self._listener = _bind(port)
        except OSError:
            self._desk.store.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self._server = _Server(
            Config(
                build_app(self._desk),
                http=_Connection,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def channel(self, name: str) -> str:
        """What apprise delivers to this mailbox by, as a template of services/notifications/channels.py."""
        html = "format=html&" if name == "email" else ""
        return f"json://{HOST}:{self.port}/{name}?{html}:recipient={{address}}&+Idempotency-Key={{key}}"

    def mail(self, **wanted: str) -> list[Mail]:
        """What arrived, oldest first; of this channel, recipient, key."""
        return self._desk.store.find(wanted)

    def trouble(self, *troubles: Trouble) -> None:
        """From now on this goes wrong; without any, nothing."""
        self._desk.troubles = list(troubles)

    def clear(self) -> None:
        self._desk.store.clear()
        self._desk.troubles = []

    def start(self) -> Self:
        self._thread.start()
        self._server.listening.wait()
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._desk.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Connection(H11Protocol):
    """Lets a request reach its own connection, to cut it."""

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(Server):
    """uvicorn outside the main thread, where no signal can be taken."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = Event()

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]  # a generator function upstream
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            message = f"port {port} on {HOST} is in use: stop what listens there, or choose another port (0: any)"
            raise OSError(EADDRINUSE, message) from error
        raise
    listener.setblocking(False)  # noqa: FBT003  # the standard library takes it by position
    return listener


def at_port(url: str, port: int) -> str:
    """A channel's URL as Pulumi.local.yaml has it, with where the mailbox listens in place of its name."""
    return url.replace("json://mailbox/", f"json://{HOST}:{port}/")

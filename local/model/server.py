"""options -> a bound socket on 127.0.0.1 -> uvicorn in this event loop -> stop"""

import socket
from asyncio import Event, Task, Transport, create_task, sleep, wait
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from errno import EADDRINUSE
from pathlib import Path
from secrets import token_urlsafe
from types import TracebackType
from typing import Any, Self

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.model.app import build_app
from local.model.desk import Desk
from local.model.knobs import Knobs
from local.model.questions import Rules
from local.model.script import Script
from local.model.stats import Figures

HOST = "127.0.0.1"
SECONDS_TO_STOP = 2


class PortTakenError(OSError):
    """Something else listens on the port."""


class ModelStandIn:
    """The stand-in in this process; use it as an async context manager.

    `port` 0 takes a free one. `questions` are rules by question name (see questions.py); `models` maps deployments to
    dated model names, and with none of them any deployment is the default model. `journal` gets a line per call.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        key: str = "",
        questions: Mapping[str, Rules] | None = None,
        knobs: Knobs | None = None,
        models: Mapping[str, str] | None = None,
        journal: Path | None = None,
    ) -> None:
        """Raises OSError when the journal cannot be written."""
        self.key = key or token_urlsafe(24)
        self.port = port
        self._desk = Desk(
            key=self.key, rules=questions or {}, knobs=knobs or Knobs(), models=models or {}, journal=journal
        )

    @property
    def base_url(self) -> str:
        """What `AsyncOpenAI(base_url=...)` takes; valid once started."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def azure_base_url(self) -> str:
        """The same under the path of Azure OpenAI's v1 API."""
        return f"http://{HOST}:{self.port}/openai/v1/"

    @property
    def knobs(self) -> Knobs:
        return self._desk.board.knobs

    def turn(self, **knobs: object) -> None:
        """Change the knobs that are named; pydantic.ValidationError if a value is not allowed."""
        self._desk.board.turn(knobs)

    def script(self, question: str, *answers: Any, match: dict[str, Any] | None = None, times: Any = None) -> None:
        """Prescribe answers (see script.py); pydantic.ValidationError if they make no script."""
        self._desk.scripts.add(
            Script.model_validate({"question": question, "answers": answers, "match": match, "times": times})
        )

    def clear_scripts(self) -> None:
        self._desk.scripts.clear()

    def stats(self) -> Figures:
        return self._desk.stats.figures()

    def reset_stats(self) -> None:
        self._desk.stats.reset()

    def reset(self) -> None:
        """Knobs, scripts and figures as they were at the start; the port, the key and the journal stay."""
        self._desk.board.reset()
        self._desk.scripts.clear()
        self._desk.stats.reset()

    async def start(self) -> None:
        """Listen.

        Raises:
            PortTakenError: something else listens on the port.
        """
        listener = _bind(self.port)
        self.port = listener.getsockname()[1]
        config = Config(
            build_app(self._desk),
            http=_Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            date_header=False,
        )
        self._server = _Server(config)
        self._serving: Task[None] = create_task(self._server.serve(sockets=[listener]))
        await self._server.listening.wait()

    async def stop(self) -> None:
        """Let go of calls that are held back, then of the port."""
        self._desk.stopping.set()
        self._server.stopping.set()
        await self._serving
        self._desk.stats.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class _Connection(H11Protocol):
    """Lets a request reach its own connection, to cut it."""

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(Server):
    """uvicorn without what a guest in someone else's event loop must not do: take signals, poll, linger.

    Its own loop looks ten times a second whether to stop and then sleeps again; a test suite with a server a test
    would spend most of its time there.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening, self.stopping = Event(), Event()

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]  # a generator function upstream
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # closed with servers
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = set(self.server_state.tasks)
        if tasks:
            _, late = await wait(tasks, timeout=SECONDS_TO_STOP)
            for task in late:
                task.cancel()
        await sleep(0)  # for closed connections to say so


def _bind(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named: without it an answer takes 40 ms more
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            message = f"port {port} on {HOST} is in use: stop what listens there, or choose another port (0: any)"
            raise PortTakenError(EADDRINUSE, message) from error
        raise
    listener.setblocking(False)  # noqa: FBT003  # the standard library takes it by position
    return listener

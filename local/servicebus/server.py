"""config -> broker -> listening socket on 127.0.0.1 -> connection string"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from local.servicebus.auth import WELL_KNOWN_NAME, Principals
from local.servicebus.broker import Broker
from local.servicebus.config import Config
from local.servicebus.connection import Connection
from local.servicebus.entities import build
from local.servicebus.store import Store

HOST = "127.0.0.1"


class ServiceBusEmulator:
    """A namespace that the official clients can connect to, as an async context manager.

    `port` 0 takes a free one; `state` is a directory for what must survive a restart, None keeps it in memory;
    `principals` says which keys may do what, None lets Microsoft's well-known emulator key do everything.
    """

    def __init__(
        self,
        config: Config,
        *,
        port: int = 0,
        state: Path | None = None,
        principals: Principals | None = None,
        max_message_size: int = 262_144,
    ) -> None:
        self.port = port
        self._keys = (principals or Principals()).all()
        self._config = config
        self._state = state
        self._max_message_size = max_message_size
        self._broker: Broker | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._broker = broker = Broker(build(self._config), Store(self._state), self._max_message_size)
        broker.start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(broker, self._keys), HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        if self._broker:
            self._broker.stop()

    async def halted(self) -> None:
        """Returns if the emulator had to stop by itself, above all because its disk failed; the log says why."""
        if self._broker:
            await self._broker.halted.wait()

    def connection_string(self, key_name: str = WELL_KNOWN_NAME) -> str:
        """What a client connects with, under this key.

        Raises:
            KeyError: no key has this name.
        """
        key = self._keys[key_name]
        return (
            f"Endpoint=sb://{HOST}:{self.port};SharedAccessKeyName={key.name};SharedAccessKey={key.key};"
            "UseDevelopmentEmulator=true;"
        )

"""options -> a running emulator -> until SIGTERM or SIGINT"""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from local.cosmos.server import CosmosEmulator
from local.cosmos.store import StoreError

_USAGE_ERROR = 2


def serve(
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8081,
    state: Annotated[Path | None, typer.Option(help="Directory that survives restarts; none: all in memory.")] = None,
    principals: Annotated[Path | None, typer.Option(help="principals.json: keys and their role assignments.")] = None,
    ranges: Annotated[int, typer.Option(help="Physical partitions of every container.", min=1, max=64)] = 1,
    *,
    tls: Annotated[bool, typer.Option(help="Serve https with a self-signed certificate.")] = False,
) -> None:
    """Run a Cosmos DB (NoSQL) account on this machine until SIGTERM or Ctrl-C."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        emulator = CosmosEmulator(port=port, state=state, principals=principals, ranges=ranges, tls=tls).start()
    except OSError as error:
        raise _fail(f"port {port} on 127.0.0.1 cannot be used: {error.strerror}; choose another with --port") from error
    except (StoreError, ValueError) as error:
        raise _fail(str(error)) from error
    print(f"Cosmos DB emulator at {emulator.endpoint}")
    print(f"Connection string: {emulator.connection_string()}", flush=True)
    stopped.wait()
    emulator.stop()


def _fail(message: str) -> typer.Exit:
    typer.echo(f"cosmos: {message}", err=True)
    return typer.Exit(_USAGE_ERROR)

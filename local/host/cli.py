"""python -m local.host services/inference services/cdc -> settings -> apps -> a host that runs until told to stop"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from local.host.apps import load_app
from local.host.errors import HostError
from local.host.flat_json import read_flat_json
from local.host.host import Host
from local.host.logs import log_to_stdout
from local.host.settings import load_settings
from local.host.sign_in import read_sign_in
from local.host.telemetry import telemetry


def serve(
    apps: Annotated[list[Path], typer.Argument(help="Folders with a function_app.py and a host.json.")],
    *,
    settings: Annotated[
        list[Path] | None, typer.Option(help="App settings, flat JSON with the names that Azure has; may be repeated.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of HTTP functions on 127.0.0.1.", min=0, max=65535)] = 7071,
    port_of: Annotated[
        list[str] | None,
        typer.Option(help="A port of its own for one app, as APP=PORT; may be repeated.", metavar="APP=PORT"),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Function keys: JSON, function name, default or _master to key.")
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option(help="What Key Vault references stand for: JSON, name to value.")
    ] = None,
    sign_in: Annotated[
        Path | None,
        typer.Option(help="Whose tokens HTTP functions take: JSON, public key, issuer and audiences by app."),
    ] = None,
    grace: Annotated[float, typer.Option(help="Seconds that running functions may take after a stop.", min=0)] = 30.0,
    state: Annotated[Path | None, typer.Option(help="Folder where timers remember their last run.")] = None,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log JSON lines.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log tracebacks too.")] = False,
) -> None:
    """Run function apps on this machine as the Azure Functions host would."""
    log_to_stdout(as_json=json_log, verbose=verbose)
    try:
        os.environ.update(load_settings(settings or [], secrets))
        traces = os.environ.get("LOCAL_TRACES")
        _make_folder(state)
        with telemetry(Path(traces) if traces else None, ",".join(folder.resolve().name for folder in apps)):
            loaded = tuple(load_app(folder, os.environ) for folder in apps)
            shown = read_flat_json(keys) if keys else {}
            guards = read_sign_in(sign_in) if sign_in else None
            ports = _ports(port_of or [], {app.name for app in loaded})
            host = Host(loaded, os.environ, timedelta(seconds=grace), state, port, shown, guards, ports)
            asyncio.run(_until_signal(host))
    except HostError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def _ports(given: list[str], apps: set[str]) -> dict[str, int]:
    ports = dict[str, int]()
    for text in given:
        app, _, port = text.partition("=")
        if app not in apps or not port.isdecimal():
            raise HostError(f"--port-of {text}: write APP=PORT; apps are {', '.join(sorted(apps))}")
        ports[app] = int(port)
    return ports


def _make_folder(folder: Path | None) -> None:
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"{folder} is no folder and cannot be made one: {error.strerror}") from None


async def _until_signal(host: Host) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await host.run(stopping)

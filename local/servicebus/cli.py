"""python -m local servicebus --config Config.json -> a namespace on 127.0.0.1 until SIGINT or SIGTERM"""

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from local.servicebus.auth import Principals, PrincipalsError, load_principals
from local.servicebus.config import Config, addressed, hurried
from local.servicebus.config_file import ConfigError, load_config
from local.servicebus.server import HOST, ServiceBusEmulator
from local.servicebus.store import StoreError

DEFAULT_PORT = 5672


def serve(
    config: Annotated[Path, typer.Option(help="Queues and topics, in the format of Microsoft's emulator.")],
    port: Annotated[
        int, typer.Option(help="TCP port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = DEFAULT_PORT,
    state: Annotated[
        Path | None, typer.Option(help="Directory for what must survive a restart; without it nothing does.")
    ] = None,
    principals: Annotated[
        Path | None, typer.Option(help="Keys and their roles; without it the well-known key may do everything.")
    ] = None,
    max_message_size: Annotated[
        int, typer.Option(help="Largest message in bytes; the default is Azure Standard's.", min=1024)
    ] = 262_144,
) -> None:
    """Run a Service Bus namespace on this machine, for the official clients."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        parsed = load_config(config)
        allowed = load_principals(principals) if principals else Principals()
        asyncio.run(_run(parsed, port, state, allowed, max_message_size))
    except (ConfigError, PrincipalsError, StoreError) as wrong:
        _give_up(str(wrong))
    except OSError as wrong:
        _give_up(f"cannot listen on {HOST}:{port}: {wrong.strerror}. Take another port with --port, or --port 0")


def _give_up(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    raise typer.Exit(2)


async def _run(config: Config, port: int, state: Path | None, principals: Principals, max_message_size: int) -> None:
    emulator = ServiceBusEmulator(
        config, port=port, state=state, principals=principals, max_message_size=max_message_size
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with emulator as bus:
        print(f"Service Bus emulator listening on {HOST}:{bus.port}")
        for name in principals.all():
            print(f"  {name}: {bus.connection_string(name)}")
        for line in _overview(config):
            print(f"  {line}")
        for warning in hurried(config):
            print(f"  warning: {warning}")
        print(f"State is kept in {state}" if state else "State is kept in memory only", flush=True)
        halted = asyncio.create_task(bus.halted())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait((halted, asked), return_when=asyncio.FIRST_COMPLETED)
        if halted.done():
            raise StoreError("the emulator halted; the log above says why")
    print("stopped", flush=True)


def _overview(config: Config) -> Iterator[str]:
    for topic in config.namespace.topics:
        yield f"topic {topic.name} ({len(topic.subscriptions)} subscriptions)"
    for _, address, properties in addressed(config.namespace):
        kind = "subscription" if "/Subscriptions/" in address else "queue"
        traits = [f"lock {_seconds(properties.lock_duration)}", f"{properties.max_delivery_count} deliveries"]
        traits += ["sessions"] if properties.requires_session else []
        traits += [f"forwards to {properties.forward_to}"] if properties.forward_to else []
        dead = properties.forward_dead_lettered_messages_to
        traits += [f"dead letters to {dead}"] if dead else []
        yield f"{kind} {address}: {', '.join(traits)}"


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"

"""make local: the whole system on this machine until Ctrl-C, with what is needed to talk to it."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console

from local.session import session
from local.stack import FOLDER, Stack

LOOK = 1.0
"""Seconds between two looks at whether all processes still run."""


def curl_line(url: str) -> str:
    """A command that sends the first event, ready to be pasted."""
    data = {"feedback_id": "F-1", "customer_id": "C-1", "text": "The parcel was late."}
    event = json.dumps({"type": "feedback_received", "data": data})
    token = ".venv/bin/python -m local token --role Events.Send"  # noqa: S105 - the command, not a token
    return (
        f"  curl -i {url}/api/events -H 'Content-Type: application/json' "
        f"-H \"Authorization: Bearer $({token})\" -d '{event}'"
    )


def up(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the state of earlier runs first.")] = False,
) -> None:
    """Start the emulators, provision them from the Pulumi program, host the services."""
    console = Console(highlight=False)
    stack = Stack(say=lambda text: console.print(f"[dim]{text}[/]"))
    with session(stack, console, name="local", farewell="stopped"):
        if fresh:
            stack.clear()
        stack.start()
        at = stack.addresses
        console.print("The stack `local` is up. Ctrl-C stops it; its state stays in .local/state.")
        console.print(f"  Service Bus  sb://127.0.0.1:{at.bus_port}   connection strings: .local/run/*.settings.json")
        console.print(f"  Cosmos DB    http://127.0.0.1:{at.cosmos_port}/")
        console.print(f"  model        {stack.real_model or at.model_url}")
        for app, door in stack.doors.apps.items():
            console.print(f"  {app:<12} {door.url}/api/")
        console.print(f"  logs         {FOLDER / 'logs'}")
        if sources := stack.doors.apps.get("sources"):
            console.print(f"Send an event:\n{curl_line(sources.url)}", soft_wrap=True)
        while True:
            time.sleep(LOOK)
            stack.processes.check()

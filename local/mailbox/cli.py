"""python -m local mailbox: a running mailbox, until SIGTERM or Ctrl-C; python -m local inbox: what arrived in one"""

import json
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.mailbox.server import Mailbox
from local.mailbox.store import FILE, Mail, Store

DEFAULT_PORT = 8025
BAD_OPTION = 2


def serve(
    port: Annotated[int, typer.Option(help="0 takes a free port.", min=0, max=65535)] = DEFAULT_PORT,
    state: Annotated[Path | None, typer.Option(help="Directory that survives restarts; none: all in memory.")] = None,
) -> None:
    """A mailbox that apprise's json:// delivers to, on 127.0.0.1.

    GET /messages lists what arrived (?channel=, ?recipient=, ?key=), DELETE /messages forgets it.
    PUT /_mailbox/troubles takes a list such as [{"channel": "email", "status": 503, "times": 2}], with drop and delay.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        mailbox = Mailbox(port=port, state=state)
    except OSError as error:
        typer.echo(f"mailbox: {error.strerror or error}", err=True)
        raise typer.Exit(BAD_OPTION) from error
    with mailbox:
        print(f"mailbox: {mailbox.url}/messages", flush=True)
        stopped.wait()


def inbox(
    recipient: Annotated[str, typer.Option(help="Only what went to this address.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One message per line.")] = False,
) -> None:
    """Show what arrived in the mailbox of the stack in .local, running or not."""
    from local.stack import FOLDER

    file = FOLDER / "state" / "mailbox" / FILE
    if not file.exists():
        typer.echo(f"inbox: there is no {file}; `make local` or `make demo` makes one", err=True)
        raise typer.Exit(1)
    store = Store(file.parent)
    mail = store.find({"recipient": recipient} if recipient else {})
    store.close()
    if as_json:
        for each in mail:
            print(json.dumps(each.model_dump()))
    else:
        Console().print(_table(mail))


def _table(mail: list[Mail]) -> Table:
    table = Table(title=f"{len(mail)} messages", title_justify="left")
    for column in ("at", "channel", "recipient", "title", "body"):
        table.add_column(column, overflow="fold")
    for each in mail:
        table.add_row(*(escape(text) for text in (each.at[11:19], each.channel, each.recipient, each.title, each.body)))
    return table

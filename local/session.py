"""claim the folder -> work -> stop the children: `make demo` and `make local`, however they end."""

import signal
from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from local.processes import StackError
from local.stack import Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a supervisor's stop, a terminal that closes."""


@contextmanager
def session(stack: Stack, console: Console, *, name: str, farewell: str) -> Generator[None]:
    """Own the stack's folder, and stop what was started in it: at the end, at an error, at Ctrl-C, TERM and HUP.

    Raises:
        typer.Exit: 1 for a StackError, which is shown; 128 + the signal's number, after `farewell`.
    """
    received = signal.SIGINT

    def interrupt(number: int, _frame: object) -> None:
        nonlocal received
        received = signal.Signals(number)
        _ignore()  # make passes on a TERM that the group has already had
        stack.processes.interrupt()

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, interrupt)
    try:
        stack.processes.claim()
        yield
    except StackError as error:
        console.print(f"[bold red]{name}:[/] {escape(str(error))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print(farewell)
        raise typer.Exit(128 + received) from None
    finally:
        _ignore()  # stopping takes seconds at most, and is not to be cut off
        stack.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

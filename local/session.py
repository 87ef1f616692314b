"""claim the folder -> work -> stop the children: `make demo` and `make local`, however they end."""

import signal
from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from local.processes import StackError
from local.stack import Stack

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""What a supervisor and a terminal that closes say; Ctrl-C is SIGINT."""


@contextmanager
def session(stack: Stack, console: Console, *, name: str, farewell: str) -> Generator[None]:
    """Own the stack's folder, and stop what was started in it: at the end, at an error, at Ctrl-C, TERM and HUP.

    Raises:
        typer.Exit: 1 for a StackError, which is shown; 128 + the signal's number, after `farewell`.
    """
    received = signal.SIGINT

    def as_ctrl_c(number: int, _frame: object) -> None:
        nonlocal received
        received = signal.Signals(number)
        _ignore(*ENDS)  # make passes on a TERM that the group has already had
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDS)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs with `&`
    for number in ENDS:
        if before[number] is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, as_ctrl_c)
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
        _ignore(signal.SIGINT, *ENDS)  # stopping takes seconds at most, and is not to be cut off
        stack.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(*numbers: signal.Signals) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)

"""The processes of the local stack: started, waited for, stopped, and found again after a crash.

Each child writes its log to `.local/logs/NAME.log`. Who runs is kept in `.local/processes.json`, so that the next start
can stop what a killed one left behind: two emulators on one state would be two truths. Whose they are is told by a lock
on `.local/owner`, which the operating system gives back when its holder dies, however it dies.
"""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TextIO

START = 30.0
"""Seconds that a child may take to be ready."""
STOP = 8.0
"""Seconds that a child may take to stop cleanly."""
LOOPBACK = "127.0.0.1"
KEY = re.compile(r"""((?:SharedAccessKey|AccountKey)=)[^;\s"']+""", re.IGNORECASE)
"""The key in a connection string: a log may quote one, a terminal should not."""


class StackError(Exception):
    """The local stack cannot start or go on; the message says what to look at."""


@dataclass(frozen=True)
class Child:
    """A child process: it is ready when it listens on `port`, or has written `ready` into its log."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes]
    port: int
    ready: str
    log: Path

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def tail(self, lines: int = 12) -> str:
        """The end of its log, without keys."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return KEY.sub(r"\1***", "\n".join(text.splitlines()[-lines:]))


class Processes:
    """The children of one stack, under one state folder, whose path every child has in its arguments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._register = folder / "processes.json"
        self._owner: TextIO | None = None
        self._starting = self._interrupted = False
        self.children: dict[str, Child] = {}

    def claim(self) -> None:
        """Become the owner of the folder until `stop`; who is it already stays it.

        Raises:
            StackError: if another process is, and lives.
        """
        if self._owner:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        owner = (self._folder / "owner").open("a+")
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with owner:
                owner.seek(0)
                raise StackError(
                    f"a stack is running here ({owner.read()}); stop it, or set LOCAL_FOLDER to another folder"
                ) from None
        owner.truncate(0)
        owner.write(f"pid {os.getpid()}, since {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}")
        owner.flush()
        self._owner = owner

    def interrupt(self) -> None:
        """Cut the work off, from a signal handler: now, or once a child that is being started has its entry.

        Raises:
            KeyboardInterrupt: here, and then in `start`, `wait` and `check`: Python ignores it in callbacks.
        """
        self._interrupted = True
        if not self._starting:
            raise KeyboardInterrupt

    def _go_on(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        port: int = 0,
        ready: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Start `python -m local ARGUMENTS`; `wait` tells when it is ready."""
        self._starting = True
        try:
            return self._start(name, tuple(arguments), port, ready, env or {})
        finally:
            self._starting = False
            self._go_on()

    def _start(self, name: str, arguments: tuple[str, ...], port: int, ready: str, env: Mapping[str, str]) -> Child:
        log = self._folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        log.touch(mode=0o600)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", "local", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **env},
                start_new_session=True,
            )
        child = Child(name, arguments, env, process, port, ready, log)
        self.children[name] = child
        self._remember()
        return child

    def restart(self, name: str) -> Child:
        """Start a child that has ended again, as it was."""
        child = self.children[name]
        return self.start(name, child.arguments, port=child.port, ready=child.ready, env=child.env)

    def wait(self, name: str) -> None:
        """Return when the child is ready.

        Raises:
            StackError: if it ended or is not ready in time, with the end of its log.
        """
        child = self.children[name]
        until = time.monotonic() + START
        while not (child.ready in child.tail(200) if child.ready else _listens(child.port)):
            if not child.alive():
                raise StackError(f"{child.name} ended with code {child.process.returncode}:\n{child.tail()}")
            if time.monotonic() > until:
                raise StackError(f"{child.name} is not ready after {START:.0f} s, see {child.log}:\n{child.tail()}")
            time.sleep(0.02)
            self._go_on()

    def check(self) -> None:
        """Raise StackError if a child has ended by itself."""
        self._go_on()
        for child in self.children.values():
            if not child.alive():
                raise StackError(f"{child.name} ended with code {child.process.returncode}:\n{child.tail()}")

    def stop(self) -> None:
        """Stop all that was started here, and give the folder back."""
        if self.children:
            for group in _in_order(self.children):
                children = [self.children[name] for name in group]
                _end(partial(_alive, children))
                for child in children:
                    child.process.wait()
            self.children.clear()
            self._register.unlink(missing_ok=True)
        if self._owner:
            self._owner.close()
            self._owner = None

    def stop_leftovers(self) -> list[str]:
        """Stop what a killed owner left running; returns their names.

        Raises:
            StackError: if the owner lives.
        """
        self.claim()
        stopped: list[str] = []
        with suppress(OSError, ValueError):
            pids: dict[str, int] = json.loads(self._register.read_text())
            ours = self._ours(pids.values())
            pids = {name: pid for name, pid in pids.items() if pid in ours}
            for group in _in_order(pids):
                _end(partial(self._ours, [pids[name] for name in group]))
                stopped += group
        self._register.unlink(missing_ok=True)
        return stopped

    def _ours(self, pids: Collection[int]) -> list[int]:
        """Those that still run and were started for this folder: process ids are used again."""
        asked = ["ps", "-ww", "-o", "pid=,args=", "-p", ",".join(map(str, pids)) or "0"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
        running = [line.split(maxsplit=1) for line in shown.splitlines()]
        return [int(pid) for pid, args in running if "-m local" in args and f"{self._folder}/" in args]

    def _remember(self) -> None:
        pids = {name: child.process.pid for name, child in self.children.items()}
        self._register.write_text(json.dumps(pids))


def free_port() -> int:
    """A port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_again(port: int) -> int:
    """This port if nobody listens on it, else another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return free_port()
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _in_order(names: Collection[str]) -> list[list[str]]:
    """First the hosts, for they put back what they hold; then the emulators."""
    hosts = [name for name in names if name.startswith("host")]
    return [hosts, [name for name in names if name not in hosts]]


def _alive(children: Sequence[Child]) -> list[int]:
    return [child.process.pid for child in children if child.alive()]


def _end(living: Callable[[], Sequence[int]]) -> None:
    """End processes cleanly and together; those that live after STOP seconds, at once."""
    _signal(living(), signal.SIGTERM)
    until = time.monotonic() + STOP
    while (left := living()) and time.monotonic() < until:
        time.sleep(0.05)
    _signal(left, signal.SIGKILL)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

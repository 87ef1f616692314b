"""The processes of the local stack: started, waited for, stopped, and found again after a crash.

Each child writes its log to `.local/logs/NAME.log`. Who runs is kept in `.local/processes.json`, so that the next start
can stop what a killed one left behind: two emulators on one state would be two truths.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

START = 30.0
"""Seconds that a child may take to be ready."""
STOP = 8.0
"""Seconds that a child may take to stop cleanly."""
LOOPBACK = "127.0.0.1"


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

    def stop(self) -> None:
        """End it cleanly; after STOP seconds, end it."""
        self.process.terminate()
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def tail(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


class Processes:
    """The children of one stack, under one state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._register = folder / "processes.json"
        self.children: dict[str, Child] = {}

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
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        child = Child(name, tuple(arguments), env or {}, process, port, ready, log)
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

    def check(self) -> None:
        """Raise StackError if a child has ended by itself."""
        for child in self.children.values():
            if not child.alive():
                raise StackError(f"{child.name} ended with code {child.process.returncode}:\n{child.tail()}")

    def stop(self) -> None:
        """Stop all: first the hosts, for they put back what they hold; then the emulators, together."""
        hosts = [child for child in self.children.values() if child.name.startswith("host")]
        others = [child for child in self.children.values() if child not in hosts]
        for group in (hosts, others):
            for child in group:
                child.process.terminate()
            for child in group:
                child.stop()
        self.children.clear()
        self._register.unlink(missing_ok=True)

    def stop_leftovers(self) -> list[str]:
        """Stop what an earlier start left running; returns their names."""
        stopped: list[str] = []
        with suppress(OSError, ValueError):
            for name, pid in json.loads(self._register.read_text()).items():
                if _is_ours(pid):
                    _end(pid)
                    stopped.append(name)
        self._register.unlink(missing_ok=True)
        return stopped

    def _remember(self) -> None:
        pids = {name: child.process.pid for name, child in self.children.items()}
        self._register.write_text(json.dumps(pids))


def free_port() -> int:
    """A port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _is_ours(pid: int) -> bool:
    """Whether this process is one that we started: process ids are used again."""
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return "-m local" in shown.stdout


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP
        while time.monotonic() < until:
            time.sleep(0.05)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)

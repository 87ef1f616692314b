"""Who may start, stop and forget processes in a state folder; with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import Processes, StackError, free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    mine = Processes(tmp_path)
    yield mine
    mine.stop()


def start(processes: Processes, folder: Path) -> int:
    """A child as the stack starts them, without waiting for it; its process id."""
    journal = folder / "state" / "model.jsonl"
    arguments = ["model", "--port", str(free_port()), "--journal", str(journal), "--model", "m=m"]
    return processes.start("model", arguments, env={"MODEL_KEY": "k"}).process.pid


def orphan(folder: Path) -> int:
    """A child of an owner that was killed."""
    code = f"""
import os, signal
from pathlib import Path
from local.processes import Processes
from tests.local.test_processes import start
folder = Path({str(folder)!r})
processes = Processes(folder)
processes.claim()
print(start(processes, folder), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    owner = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    return int(owner.stdout)


def runs(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")


def test_what_a_killed_owner_left_is_stopped_by_the_next_one(tmp_path: Path, processes: Processes) -> None:
    left = orphan(tmp_path)
    assert runs(left)

    stopped = processes.stop_leftovers()

    assert stopped == ["model"]
    assert not runs(left)
    assert processes.stop_leftovers() == []


def test_who_started_nothing_does_not_forget_what_was_left(tmp_path: Path) -> None:
    # given
    left = orphan(tmp_path)

    # when: one comes and goes without a start
    passing = Processes(tmp_path)
    passing.claim()
    passing.stop()

    # then
    assert runs(left)
    after = Processes(tmp_path)
    assert after.stop_leftovers() == ["model"]
    after.stop()


def test_a_folder_whose_owner_lives_is_refused_and_its_children_go_on(tmp_path: Path, processes: Processes) -> None:
    processes.claim()
    pid = start(processes, tmp_path)
    second = Processes(tmp_path)

    for attempt in (second.claim, second.stop_leftovers):
        with pytest.raises(StackError, match=rf"running here \(pid {os.getpid()}, since 2.*LOCAL_FOLDER"):
            attempt()
    second.stop()

    assert runs(pid)
    assert (tmp_path / "processes.json").exists()


def test_a_folder_is_free_again_after_stop(tmp_path: Path, processes: Processes) -> None:
    processes.claim()
    processes.stop()
    second = Processes(tmp_path)

    second.claim()

    second.stop()


def test_a_process_id_that_somebody_else_got_meanwhile_is_let_be(tmp_path: Path) -> None:
    # given: the ids in our register are now this process and one of another stack
    mine, other = Processes(tmp_path / "mine"), Processes(tmp_path / "other")
    pid = start(other, tmp_path / "other")
    mine.claim()
    (tmp_path / "mine" / "processes.json").write_text(f'{{"model": {pid}, "host": {os.getpid()}}}')

    # when
    stopped = mine.stop_leftovers()

    # then
    assert stopped == []
    assert runs(pid)
    mine.stop()
    other.stop()


def test_keys_are_masked_in_what_is_shown_of_a_log(tmp_path: Path, processes: Processes) -> None:
    start(processes, tmp_path)
    child = processes.children["model"]
    with child.log.open("a") as log:
        log.write("no: 'Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=secret1=;X=1' AccountKey=secret2==\n")

    tail = child.tail()

    assert "SharedAccessKeyName=n;SharedAccessKey=***;X=1" in tail
    assert "secret" not in tail


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_start_stops_at_once_and_leaves_nobody(tmp_path: Path, number: signal.Signals) -> None:
    # given: a start that is under way
    command, env = [sys.executable, "-m", "local", "up"], {**os.environ, "LOCAL_FOLDER": str(tmp_path)}
    starting = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    register = tmp_path / "processes.json"
    until = time.monotonic() + 40
    while not register.exists():
        assert time.monotonic() < until
        assert starting.poll() is None
        time.sleep(0.02)

    # when
    starting.send_signal(number)
    shown, _ = starting.communicate(timeout=60)

    # then
    assert starting.returncode == 128 + number
    assert shown.strip() == "stopped"
    assert not register.exists()
    left = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    assert f"{tmp_path}/" not in left

"""A run that is cut off is resumed, and ends as if it had not been."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEMO = [sys.executable, "-m", "local", "demo"]


@pytest.mark.slow
def test_a_demo_that_was_killed_is_resumed_by_the_next_one(tmp_path: Path) -> None:
    # given: a demo that has sent some of its lines, and is killed
    env = {**os.environ, "LOCAL_FOLDER": str(tmp_path)}
    first = subprocess.Popen(DEMO, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while '"1":' not in (tmp_path / "run.json").read_text() if (tmp_path / "run.json").exists() else True:
        assert time.monotonic() < until
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()

    # when
    second = subprocess.run(DEMO, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=110)

    # then
    assert second.returncode == 0, second.stdout
    assert "resumed: the last run was cut off after" in second.stdout
    assert "left over from an earlier run" in second.stdout
    assert re.search(r"has exactly one verdict: (\d+) of \1\b", second.stdout)

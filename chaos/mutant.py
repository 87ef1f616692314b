"""A named fault, applied to a copy of the tree -> some test or check fails, and its output names what is broken.

A mutant that survives is a promise that nothing holds. Each says where the tree is changed, what runs then, and which
words the failure must contain: a failure for another reason does not count.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".local", ".git", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis", "dist"
)
PATIENCE = 240
"""Seconds that the tests of one mutant may take."""


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; then `tests` must fail with `names` in what they print."""

    name: str
    why: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    names: str


def survives(mutant: Mutant) -> str | None:
    """None if the mutant is caught, else how it got away."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        path = copy / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            return (
                f"{mutant.file} holds the text to change {text.count(mutant.old)} times, expected once: {mutant.old!r}"
            )
        path.write_text(text.replace(mutant.old, mutant.new))
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/examples"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if result.returncode == 0:
        return f"all of {' '.join(mutant.tests)} passed"
    if result.returncode != 1:
        return f"the tests did not run: {result.stdout[-500:]} {result.stderr[-500:]}"
    if mutant.names not in result.stdout:
        return f"a test failed, but nothing it printed names {mutant.names!r}: {result.stdout[-800:]}"
    return None

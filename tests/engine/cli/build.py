"""`pulumi` on PATH, or one built with Go and cached, or the reason why there is none

python -m tests.engine.cli.build    builds it where it is missing, and prints its folder

The official CLI is what users have. The build is for machines that reach package registries and nothing else.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory

from pulumi.automation import InvalidVersionError, PulumiCommand

MODULE = Path(__file__).parent
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
HELP = "install the Pulumi CLI, or Go 1.24 or newer, and run again"


class UnavailableError(Exception):
    """No CLI to test with; the message is one line that says why, and what to do."""


def command(say: Callable[[str], None] = print) -> PulumiCommand:
    """The CLI to test with. Two sessions that build at once build once.

    Raises:
        UnavailableError: there is none, and none can be built; or the one on PATH is too old.
    """
    if shutil.which("pulumi"):
        return _checked(None)
    root = cache() / f"pulumi-{wanted()}"
    if not _binary(root).exists():
        go = shutil.which("go")
        if go is None:
            raise UnavailableError(f"there is no pulumi on PATH and no go to build it with; {HELP}")
        _build_once(go, root, say)
    return _checked(root)


def wanted() -> str:
    """The version to build, as go.mod has it: `v3.200.0`."""
    found = re.search(
        r"^require github.com/pulumi/pulumi/pkg/v3 (v\S+)$", (MODULE / "go.mod").read_text(), re.MULTILINE
    )
    if found is None:
        raise UnavailableError(f"{MODULE / 'go.mod'} requires no version of Pulumi; restore the file")
    return found[1]


def cache() -> Path:
    """Where builds are kept, for all clones of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "event-driven-ai"


def _binary(root: Path) -> Path:
    return root / "bin" / "pulumi"


def _build_once(go: str, root: Path, say: Callable[[str], None]) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(f"{root.name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not _binary(root).exists():
            say(f"building the Pulumi CLI {wanted()} into {root}, once; this takes minutes")
            _build(go, root)


def _build(go: str, root: Path) -> None:
    """Whoever looks meanwhile sees either no binary or a whole one."""
    with TemporaryDirectory(dir=root.parent) as folder:
        made = Path(folder) / "pulumi"
        flags = f"-s -w -X {VERSION}={wanted()}"  # without a version, the Automation API refuses it
        done = subprocess.run(
            [go, "build", "-mod=readonly", "-ldflags", flags, "-o", str(made), PACKAGE],
            cwd=MODULE,
            env={**os.environ, "CGO_ENABLED": "0"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise UnavailableError(f"`go build` of the Pulumi CLI failed: {last}; {HELP}")
        _binary(root).parent.mkdir(parents=True, exist_ok=True)
        made.replace(_binary(root))


def _checked(root: Path | None) -> PulumiCommand:
    try:
        return PulumiCommand(None if root is None else str(root))
    except (InvalidVersionError, OSError, subprocess.CalledProcessError) as error:
        where = shutil.which("pulumi") if root is None else _binary(root)
        raise UnavailableError(f"{where} cannot be used: {error}; {HELP}") from error


if __name__ == "__main__":
    try:
        print(Path(shutil.which(command(lambda line: print(line, file=sys.stderr)).command) or "").parent)  # noqa: T201
    except UnavailableError as unavailable:
        sys.exit(str(unavailable))

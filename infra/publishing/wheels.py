"""requirement files with hashes -> the wheels for Azure's platform, installed by uv -> a zip that apps begin with

It is the same for all services, so it is made once and kept under its digest. uv looks into its cache first: what is
pinned by hash is the same wherever it comes from, and a second build needs no network.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from infra.publishing import archive
from infra.publishing.content import PLATFORM, Content, PackageError

SITE = ".python_packages/lib/site-packages"
"""Where the Functions worker looks for packages."""

CLASHING = ("grpc", "google/protobuf")
"""The Functions worker has its own, of other versions."""

NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED"})
"""What an installer writes beside each package. RECORD has the hashes of commands, and these have paths in them."""

PATIENCE = 600
"""Seconds that uv may take; it gives up by itself much earlier, unless something hangs."""

_one_at_a_time = Lock()


def wheels(content: Content, cache: Path) -> Path:
    """The zip of a service's wheels, from `cache` where it was made before.

    Raises:
        PackageError: uv cannot get them, or one clashes with the worker.
    """
    told = {name: hashlib.sha256(text).hexdigest() for name, text in content.requirements.items()}
    key = hashlib.sha256(json.dumps([told, content.python, PLATFORM], sort_keys=True).encode()).hexdigest()
    kept = cache / f".wheels-{key[:16]}.zip"
    with _one_at_a_time:  # several services are published at once, and all need the same
        return kept if kept.exists() else _make(kept, content)


def _make(target: Path, content: Content) -> Path:
    with TemporaryDirectory(prefix="wheels-") as folder:
        site = Path(folder) / "site"
        site.mkdir()
        _install(content.requirements, content.python, Path(folder), site)
        if clashing := [name for name in CLASHING if (site / name).exists()]:
            raise PackageError(
                f"{', '.join(clashing)} would be in the zip, and clashes with what the Functions worker has itself; "
                "remove what requires it from requirements/services.in or requirements/azure.in"
            )
        return archive.write(target, {f"{SITE}/{name}": path for name, path in _wanted(site)})


def _wanted(site: Path) -> list[tuple[str, Path]]:
    """All files but commands, which nobody runs there, caches and the installer's notes."""
    return [
        (name.as_posix(), path)
        for path in site.rglob("*")
        for name in [path.relative_to(site)]
        if path.is_file()
        and name.parts[0] not in {"bin", ".lock"}
        and "__pycache__" not in name.parts
        and not (name.name in NOTES and name.parent.suffix == ".dist-info")
    ]


def _install(requirements: Mapping[str, bytes], python: str, folder: Path, site: Path) -> None:
    files: list[str] = []
    for number, text in enumerate(requirements.values()):
        file = folder / f"{number}.txt"
        file.write_bytes(text)
        files += ["-r", str(file)]
    wanted = ["--target", str(site), "--python-platform", PLATFORM, "--python-version", python, *files]
    if _uv("--offline", *wanted).returncode:
        done = _uv(*wanted)
        if done.returncode:
            said = "; ".join([line.strip() for line in done.stderr.splitlines() if line.strip()][-3:])
            raise PackageError(
                f"uv cannot get the wheels for Python {python} on {PLATFORM}: {said or 'it says nothing'}. "
                "Without network, build once with it: wheels that were fetched are kept (`uv cache dir` says where)"
            )


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv's installer: wheels only, each with its hash, none that is not listed."""
    fixed: Sequence[str] = (
        *("pip", "install", "--quiet", "--python", sys.executable, "--only-binary", ":all:", "--require-hashes"),
        *("--no-deps", "--link-mode", "copy", "--no-compile-bytecode"),
    )
    try:
        return subprocess.run(  # noqa: S603  # our own arguments
            [sys.executable, "-m", "uv", *fixed, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"uv did not get the wheels within {PATIENCE} seconds; try again") from None

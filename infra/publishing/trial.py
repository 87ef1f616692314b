"""a zip -> unpacked as in Azure, imported by an interpreter that sees nothing else -> the functions it has"""

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from infra.publishing.content import PackageError
from infra.publishing.wheels import SITE

PATIENCE = 120
"""Seconds that an import may take."""

TELEMETRY = "azure.monitor.opentelemetry"
"""What the worker imports besides, for infra/settings.py switches its telemetry on."""

PROGRAM = """
import importlib, json, sys
sys.path += sys.argv[1:3]
for name in sys.argv[3:]:
    importlib.import_module(name)
from function_app import app
print(json.dumps({each.get_function_name(): each.get_trigger().type for each in app.get_functions()}))
"""
"""As the worker does: `app` of the module function_app, with the zip's root and its packages on the path."""


def cannot_try(python: str) -> str | None:
    """Why a zip for this Python cannot be tried on this machine; None if it can."""
    here = (platform.system(), platform.machine(), f"{sys.version_info[0]}.{sys.version_info[1]}")
    return None if here == ("Linux", "x86_64", python) else f"this is {' '.join(here)}, not Linux x86_64 {python}"


def functions(archive: Path, also: Sequence[str] = (TELEMETRY,)) -> dict[str, str]:
    """The functions of the app in a zip, each with the type of its trigger; `also` are modules that must import.

    Raises:
        PackageError: it does not import on its own.
    """
    with TemporaryDirectory(prefix="app-") as folder:
        with ZipFile(archive) as packed:
            packed.extractall(folder)
        try:
            done = subprocess.run(  # noqa: S603  # isolated, without site-packages, without our environment
                [sys.executable, "-I", "-S", "-B", "-c", PROGRAM, folder, f"{folder}/{SITE}", *also],
                capture_output=True,
                cwd=folder,
                env={},
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PackageError(f"{archive.name} does not import within {PATIENCE} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise PackageError(
            f"{archive.name} does not import on its own: {last}; a service may import itself, services.kernel, "
            "services.entities, and what requirements/services.in and azure.in name"
        )
    return json.loads(done.stdout.splitlines()[-1])

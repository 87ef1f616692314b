"""python -m infra.publishing --stack dev: a zip per registered service into dist/, each tried on its own"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from infra.config import Functions
from infra.publishing.build import build
from infra.publishing.content import TREE, PackageError, content
from infra.publishing.trial import cannot_try, functions
from services.registry import PATTERNS


def python_of(stack: str) -> str:
    """The Python of a stack's apps.

    Raises:
        PackageError: there is no such stack.
    """
    file = TREE / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        raise PackageError(f"there is no {file.name}; name a stack: make package STACK=dev")
    written: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8")) or {}
    return str((written.get("config") or {}).get("functions:pythonVersion") or Functions().python_version)


def package(stack: str, folder: Path) -> None:
    """Build and try all; tell each one's size and functions."""
    python = python_of(stack)
    untried = cannot_try(python)
    for topology in PATTERNS:
        zipped = build(content(topology.name, python), folder, folder)
        tried = "" if untried else f"  {', '.join(sorted(functions(zipped)))}"
        shown = zipped.relative_to(TREE) if zipped.is_relative_to(TREE) else zipped
        print(f"{shown}  {zipped.stat().st_size / 1e6:.1f} MB{tried}")
    if untried:
        print(f"not tried: {untried}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.publishing", description=__doc__)
    parser.add_argument("--stack", default="dev", help="whose Python the wheels are for")
    parser.add_argument("--folder", type=Path, default=TREE / "dist", help="where the zips go")
    chosen = parser.parse_args()
    try:
        package(chosen.stack, chosen.folder)
    except PackageError as error:
        sys.exit(f"package: {error}")


if __name__ == "__main__":
    main()

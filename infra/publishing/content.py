"""services/<pattern>, the kernel, the pinned wheels' list -> what an app's zip holds, and one digest of all of it

Nothing is built here: the program asks for the digest each time that it is evaluated.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
"""The root of the repository."""

PLATFORM = "x86_64-manylinux_2_28"
"""What Flex Consumption runs on: Linux on x86_64; its images are Debian 11 (glibc 2.31) and newer."""

REQUIREMENTS = ("requirements/services.txt", "requirements/azure.txt")
SHARED = ("services/__init__.py", "services/entities.py", "services/kernel")
ENTRY, LIMITS = "function_app.py", "host.json"
HANDOVER = '"""The Functions worker imports `app` from here."""\n\nfrom services.{service}.function_app import app\n'
LEFT_OUT = frozenset({"__pycache__", "README.md", LIMITS})


class PackageError(Exception):
    """A zip that cannot be built, or must not be published; the message says what to do."""


@dataclass(frozen=True)
class Content:
    """What the zip of one service consists of; its wheels are named by `requirements`, for `python` on PLATFORM."""

    service: str
    python: str
    files: Mapping[str, bytes]
    """By their names in the zip."""
    requirements: Mapping[str, bytes]
    """Requirement files with a hash for each wheel, by their names in the tree."""

    @property
    def digest(self) -> str:
        """The same for the same zip, whoever builds it and wherever."""
        told = {
            "python": self.python,
            "platform": PLATFORM,
            "files": _digests(self.files),
            "requirements": _digests(self.requirements),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def missing(self) -> str | None:
        """What keeps it from being an app; an app whose code is still to be written can be planned all the same."""
        needed = {f"services/{self.service}/{ENTRY}", LIMITS} - self.files.keys()
        if not needed:
            return None
        lacking = " and ".join(f"services/{self.service}/{Path(name).name}" for name in sorted(needed))
        return f"{lacking} missing; write the service, or take its line out of services/registry.py"


def content(service: str, python: str, tree: Path = TREE) -> Content:
    """What the zip of `services/<service>` consists of, as the tree has it now.

    The Functions worker wants host.json and function_app.py at the root of the zip. The latter hands over to the
    service's own, so that the code imports itself by the same names as in the repository.
    """
    own = f"services/{service}"
    files = {name: (tree / name).read_bytes() for part in (*SHARED, own) for name in _files(tree, part)}
    if (tree / own / LIMITS).is_file():
        files[LIMITS] = (tree / own / LIMITS).read_bytes()
    files[ENTRY] = HANDOVER.format(service=service).encode()
    return Content(service, python, files, {name: (tree / name).read_bytes() for name in REQUIREMENTS})


def _files(tree: Path, part: str) -> Iterator[str]:
    """The file of this name, or all in the folder of this name but what only people read, caches and hidden files."""
    path = tree / part
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        name = file.relative_to(tree)
        left_out = file.suffix == ".pyc" or any(each in LEFT_OUT or each.startswith(".") for each in name.parts)
        if file.is_file() and not left_out:
            yield name.as_posix()


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}

"""the CLI + an attached provider + a folder for all that the engine writes -> a stack as `pulumi` sees it"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path
from typing import Any

import yaml
from pulumi.automation import LocalWorkspaceOptions, PulumiCommand, Stack, create_stack

from local.cloud import Cloud, Existing

ROOT = Path(__file__).parents[2]
NAME = "dev"


@dataclass(frozen=True)
class Left:
    """What a run of the engine says it did, and what it left behind."""

    changes: Mapping[str, int]
    """Resources by operation: `{"create": 3}`."""
    state: Mapping[str, Mapping[str, Any]]
    """What the engine keeps of each resource, by URN."""
    cloud: Mapping[str, Existing]
    written: bytes
    """All that is in the engine's files."""


@dataclass(frozen=True)
class Deployment:
    """One stack and its cloud."""

    stack: Stack
    cloud: Cloud
    folder: Path

    def left(self, changes: Mapping[Any, int] | None) -> Left:
        return Left(
            changes={
                str(getattr(operation, "value", operation)): count for operation, count in (changes or {}).items()
            },
            state=self._state(),
            cloud=self.cloud.everything(),
            written=b"\n".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file()),
        )

    def _state(self) -> dict[str, dict[str, Any]]:
        (file,) = (self.folder / "backend" / ".pulumi" / "stacks").rglob(f"{NAME}.json")
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}  # none before the first up
        return {resource["urn"]: resource for resource in latest.get("resources") or ()}


def through_the_door() -> None:
    """Run the program as `pulumi up` does."""
    run_path(str(ROOT / "__main__.py"))


def deployment(
    pulumi: PulumiCommand,
    folder: Path,
    cloud: Cloud,
    environment: Mapping[str, str],
    program: Callable[[], None] = through_the_door,
) -> Deployment:
    """Stack dev as a fresh clone has it: configured, and nothing deployed. The engine gets copies of its files."""
    for name in ("project", "backend", "home"):
        (folder / name).mkdir()
    for name in ("Pulumi.yaml", f"Pulumi.{NAME}.yaml"):
        shutil.copy(ROOT / name, folder / "project")
    options = LocalWorkspaceOptions(
        work_dir=str(folder / "project"),
        pulumi_command=pulumi,
        env_vars={
            **environment,
            "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "correct horse battery staple",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        },
    )
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"]
    return Deployment(create_stack(NAME, project, program, opts=options), cloud, folder)

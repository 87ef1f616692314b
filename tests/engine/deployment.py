"""a program -> run by the engine, in a process of its own -> what the engine says and what it leaves behind

Why its own: where a run fails, the Automation API leaves an event loop open, which breaks whatever test comes next.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pulumi.automation import CommandError, ConfigValue, LocalWorkspaceOptions, PulumiCommand, create_or_select_stack

from local.cloud import Cloud, Existing
from local.graph import ENCRYPTED, REGISTERED, stack_config
from services.registry import PATTERNS
from tests.engine.programs import ROOT, through_the_door

NAME = "dev"
WITHOUT_CODE = {"functions:publishCode": "false"}
DOORS = {"entra:clientId": REGISTERED}
SECRETS = frozenset(f"secrets:{name}" for pattern in PATTERNS for name in pattern.secrets)
Operation = Literal["preview", "up", "destroy"]


@dataclass(frozen=True)
class Left:
    """What a run did, and what it left behind."""

    failed: bool
    output: str
    changes: Mapping[str, int]
    """Resources by what was done to them: `{"create": 3}`."""
    state: Mapping[str, Mapping[str, Any]]
    """What the engine keeps of each resource, by URN."""
    cloud: Mapping[str, Existing]
    files: Mapping[str, bytes]
    """What the engine wrote, by file."""


def done(left: Left) -> Left:
    """The same, if it did not fail."""
    assert not left.failed, left.output
    return left


@dataclass(frozen=True)
class Deployment:
    """Stack dev, configured and not deployed, and its cloud.

    The engine writes into the stack's file, so it gets a copy; without what somebody who deployed the stack encrypted,
    for the passphrase is another here.
    """

    apart: Executor
    """Where the engine runs."""
    pulumi: PulumiCommand
    folder: Path
    cloud: Cloud
    environment: Mapping[str, str]
    different: Mapping[str, str] = field(default_factory=dict)
    """Keys that are not as in the stack's file."""
    secrets: frozenset[str] = frozenset()
    """Keys besides that the deployer has encrypted."""

    def __post_init__(self) -> None:
        for name in ("project", "backend", "home"):
            (self.folder / name).mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", self.folder / "project")
        config = yaml.safe_load((ROOT / f"Pulumi.{NAME}.yaml").read_text())["config"]
        plain = {key: value for key, value in config.items() if key not in self._encrypted()}
        written = yaml.safe_dump({"config": {**plain, **self.different}})
        (self.folder / "project" / f"Pulumi.{NAME}.yaml").write_text(written)

    def run(
        self,
        operation: Operation,
        program: Callable[[], None] = through_the_door,
        *,
        config: Mapping[str, ConfigValue] | None = None,
        **options: Any,
    ) -> Left:
        """Run the engine once; `config` is set before, and stays. `program` is a function of a module."""
        task = Task(operation, program, self.folder, self.environment, {**self._encrypted(), **(config or {})}, options)
        failed, output, changes = self.apart.submit(carry_out, task, self.pulumi).result()
        return Left(
            failed=failed,
            output=output,
            changes=changes,
            state=self._state(),
            cloud=self.cloud.everything(),
            files={str(file): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()},
        )

    def _encrypted(self) -> dict[str, ConfigValue]:
        """What is secret in the stack's file, or left to the deployer, as `local.graph` stands in for it."""
        config, secret = stack_config(NAME)
        return {key: ConfigValue(config.get(key, ENCRYPTED), secret=True) for key in secret | self.secrets}

    def _state(self) -> dict[str, dict[str, Any]]:
        (file,) = (self.folder / "backend" / ".pulumi" / "stacks").rglob(f"{NAME}.json")
        latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}  # none before the first up
        return {resource["urn"]: resource for resource in latest.get("resources") or ()}


@dataclass(frozen=True)
class Task:
    """What goes to the other process."""

    operation: Operation
    program: Callable[[], None]
    folder: Path
    environment: Mapping[str, str]
    config: Mapping[str, ConfigValue]
    options: Mapping[str, Any]


def carry_out(task: Task, pulumi: PulumiCommand) -> tuple[bool, str, dict[str, int]]:
    """Whether it failed, what it printed, and the changes."""
    stack = create_or_select_stack(
        NAME,
        yaml.safe_load((task.folder / "project" / "Pulumi.yaml").read_text())["name"],
        task.program,
        opts=LocalWorkspaceOptions(
            work_dir=str(task.folder / "project"),
            pulumi_command=pulumi,
            env_vars={
                **task.environment,
                "PULUMI_BACKEND_URL": (task.folder / "backend").as_uri(),
                "PULUMI_HOME": str(task.folder / "home"),
                "PULUMI_CONFIG_PASSPHRASE": "correct horse battery staple",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",  # looking for one takes seconds, even in vain
            },
        ),
    )
    if task.config:
        stack.set_all_config(dict(task.config))
    try:
        result = getattr(stack, task.operation)(**task.options)
    except CommandError as failed:
        return True, str(failed), {}
    changes = result.change_summary if task.operation == "preview" else result.summary.resource_changes or {}
    return False, result.stdout, {str(getattr(what, "value", what)): count for what, count in changes.items()}

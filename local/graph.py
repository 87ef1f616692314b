"""Pulumi.<stack>.yaml -> the real program, run under mocks -> the resources it declares

No Pulumi CLI, no cloud, no network. The emulators are provisioned from this graph, and the policies judge it.
"""

import json as json_
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import yaml

from local import mocks
from local.mocks import ProgramError
from services.kernel.topology import Topology

ROOT = Path(__file__).parent.parent
PACKAGE = "azure-native"
CODE = "pulumi-python:dynamic"
"""What an app runs: a resource of our own, see infra/publishing/code.py."""
ENCRYPTED = "[encrypted]"
"""Stands for a secret of the stack's configuration, which only `pulumi` can decrypt."""
REGISTERED = "00000000-0000-4000-8000-000000000003"
"""Stands for the client id of an app registration, which only a deployer's tenant has."""


@dataclass(frozen=True)
class Resource:
    """One resource as the program declares it; inputs and outputs in the spelling of Azure's API."""

    type: str
    name: str
    urn: str
    id: str
    parent: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secrets: frozenset[str]
    """The inputs that are secret; never print them."""
    depends_on: tuple[str, ...]
    """URNs of what must exist before it, said or implied."""
    protect: bool
    retain_on_delete: bool

    @property
    def is_component(self) -> bool:
        """Whether it only groups others."""
        return not self.type.startswith((f"{PACKAGE}:", CODE))


@dataclass(frozen=True)
class Graph:
    """All resources of one stack, ordered by URN, and its outputs."""

    project: str
    stack: str
    resources: tuple[Resource, ...]
    exports: Mapping[str, Any]

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """All of one type: `servicebus:Topic`, or in full `azure-native:servicebus:Topic`."""
        wanted = {type_, f"{PACKAGE}:{type_}"}
        return tuple(resource for resource in self.resources if resource.type in wanted)

    def one(self, type_: str, name: str | None = None) -> Resource:
        """The only resource of a type, or the one of this name in the program.

        Raises:
            LookupError: naming those that there are.
        """
        there = self.of_type(type_)
        found = [resource for resource in there if name in {None, resource.name}]
        if len(found) != 1:
            names = ", ".join(resource.name for resource in there) or "none"
            raise LookupError(f"one {type_}{f' called {name}' if name else ''} was asked for; there are: {names}")
        return found[0]

    def by_id(self, resource_id: str) -> Resource:
        """The resource with this Azure id, as in the scope of a role assignment.

        Raises:
            LookupError: if the stack declares none.
        """
        for resource in self.resources:
            if resource.id and resource.id == resource_id:
                return resource
        raise LookupError(f"no resource of stack {self.stack} has the id {resource_id}")

    def children(self, parent: str = "") -> tuple[Resource, ...]:
        """What the component with this URN groups; without one, what stands at the top."""
        return tuple(resource for resource in self.resources if resource.parent == parent)


def evaluate(
    stack: str = "local",
    *,
    config_overrides: Mapping[str, str] | None = None,
    patterns: Sequence[Topology] | None = None,
) -> Graph:
    """Run the program for a stack and return what it declares; twice the same, it is the same.

    `config_overrides` are keys with their namespace, and text as `pulumi config set` takes it. `patterns` replaces
    the registry. What only a deployer can set (secrets, the app registration) has a stand-in where it is not set:
    `pulumi up` refuses without it, a graph needs it for its shape alone.

    Raises:
        ProgramError: there is no such stack, or the program refused or broke; the message says why.
    """
    from infra.program import main  # a second of imports: only who evaluates pays for them
    from services.registry import PATTERNS

    project = _yaml(ROOT / "Pulumi.yaml")
    config, secret = stack_config(stack)
    patterns = PATTERNS if patterns is None else patterns
    unset = {f"secrets:{name}": ENCRYPTED for pattern in patterns for name in pattern.secrets}
    unset |= {"entra:clientId": REGISTERED} if any(pattern.http for pattern in patterns) else {}
    done = mocks.run(
        partial(main, patterns),
        project=project["name"],
        stack=stack,
        config={**unset, **config, **(config_overrides or {})},
        secret=secret | {key for key in unset if key not in config and key.startswith("secrets:")},
    )
    if done.error is not None:
        raise done.error
    return Graph(project["name"], stack, tuple(map(_resource, done.registered)), done.exports)


def stack_config(stack: str) -> tuple[dict[str, str], frozenset[str]]:
    """The stack's configuration as the engine hands it to the program, and which keys are encrypted.

    Raises:
        ProgramError: naming the stacks that there are.
    """
    file = ROOT / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        there = ", ".join(sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")))
        raise ProgramError(f"there is no stack {stack}: {file.name} is missing; there are {there}")
    values: Mapping[str, Any] = _yaml(file).get("config") or {}
    secret = frozenset(key for key, value in values.items() if _is_encrypted(value))
    return {key: ENCRYPTED if key in secret else _text(value) for key, value in values.items()}, secret


def _yaml(file: Path) -> dict[str, Any]:
    try:
        content: object = yaml.safe_load(file.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise ProgramError(f"{file.name} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ProgramError(f"{file.name} holds no keys")
    return cast("dict[str, Any]", content)


def _is_encrypted(value: object) -> bool:
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"secure"}


def _text(value: object) -> str:
    """As the engine hands it over: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json_.dumps(value)


def _resource(registration: mocks.Registration) -> Resource:
    request = registration.request
    return Resource(
        type=request.type,
        name=request.name,
        urn=registration.urn,
        id=registration.id,
        parent="" if f"::{mocks.STACK}::" in request.parent else request.parent,
        inputs=registration.inputs,
        outputs=registration.outputs,
        secrets=registration.secrets,
        depends_on=tuple(sorted(request.dependencies)),
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
    )


def graph(
    stack: Annotated[str, typer.Option(help="A stack with a Pulumi.<stack>.yaml.")] = "local",
    *,
    json: Annotated[bool, typer.Option("--json", help="As JSON instead of a tree.")] = False,
) -> None:
    """Show what the Pulumi program declares for a stack."""
    from rich import print as show

    from local.graph_view import render_tree, to_json

    try:
        evaluated = evaluate(stack)
    except ProgramError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    print(to_json(evaluated)) if json else show(render_tree(evaluated))

"""a declared resource, as a rule sees it, whoever declared it: the Pulumi engine, or the graph evaluated without it"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from pulumi_policy.proxy import UnknownValueError as Unknown

from services.kernel.topology import Topology

__all__ = ["Resource", "Stack", "Unknown", "app_settings"]


@dataclass(frozen=True)
class Resource:
    """One resource; `type` without the package (`servicebus:Topic`), properties in the spelling of the provider.

    During a preview a property may not be known yet; reading it then raises `Unknown`.
    """

    type: str
    name: str
    """In the program, not in Azure."""
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    urn: str = ""
    comes_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The URNs of what each input was computed from, where the engine tells: all there is while a value is unknown."""
    secrets: frozenset[str] = frozenset()
    """The inputs that the program declared secret; the engine does not tell policies, the graph does."""
    protect: bool = False

    def get(self, path: str) -> Any:
        """The input at `a.b.c`, or None where the path ends early.

        Raises:
            Unknown: if it is not known before the deployment.
        """
        value: Any = self.inputs
        for key in path.split("."):
            if not isinstance(value, Mapping):
                return None
            value = cast("Mapping[str, Any]", value).get(key)
        return value

    def mapping(self, path: str) -> Mapping[str, Any]:
        """The object at a path; nothing, if something else is there. Raises as `get`."""
        value = self.get(path)
        return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}

    def sequence(self, path: str) -> Sequence[Any]:
        """The list at a path; nothing, if something else is there. Raises as `get`."""
        value = self.get(path)
        return cast("Sequence[Any]", value) if isinstance(value, Sequence) and not isinstance(value, str) else ()

    def objects(self, path: str) -> Iterator[Mapping[str, Any]]:
        """The objects in a list, or the values of an object, at a path; what is none is left out. Raises as `get`."""
        inner = self.sequence(path) or self.mapping(path).values()
        return (cast("Mapping[str, Any]", each) for each in inner if isinstance(each, Mapping))


@dataclass(frozen=True)
class Stack:
    """All that is judged together: resources, the patterns that they were built for, and the day."""

    resources: tuple[Resource, ...]
    today: date
    patterns: tuple[Topology, ...] = ()
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """The host.json of each pattern, by its name."""

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        """All of these types."""
        return tuple(each for each in self.resources if each.type in types)

    def pattern_of(self, resource: Resource) -> Topology | None:
        """The pattern whose identity or app this is: infra calls them by the pattern's name, with dashes."""
        return next((each for each in self.patterns if each.name.replace("_", "-") == resource.name), None)

    def app_of(self, pattern: Topology) -> Resource | None:
        """The function app that runs a pattern."""
        return next((app for app in self.of_type("web:WebApp") if self.pattern_of(app) is pattern), None)


def app_settings(app: Resource) -> dict[str, Any]:
    """The settings of a function app by name; None for values that are not known yet."""
    pairs = [cast("Mapping[str, Any]", each) for each in app.sequence("siteConfig.appSettings") if _is_named(each)]
    return {str(pair["name"]): _known(pair, "value") for pair in pairs}


def _is_named(pair: object) -> bool:
    return isinstance(pair, Mapping) and "name" in pair


def _known(values: Mapping[str, Any], key: str) -> Any:
    try:
        return values.get(key)
    except Unknown:
        return None

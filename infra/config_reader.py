"""raw keys -> known keys -> Config, or one error that tells all that is wrong, before anything is registered"""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pulumi import RunError, get_project
from pulumi.runtime import config as engine
from pydantic import ValidationError

from infra.config import Config
from services.kernel.topology import Topology

LOCATION = "azure-native:location"
"""The provider's own key; ours too, for some resources must be told where they are."""

Errors = dict[str, str]
"""Key -> what is wrong with it."""


class ConfigError(RunError):
    """All that is wrong with a stack's configuration; Pulumi prints it without a traceback."""

    def __init__(self, errors: Errors) -> None:
        lines = "".join(f"\n  {key}: {problem}" for key, problem in sorted(errors.items()))
        super().__init__(f"The configuration is not usable, and nothing was registered:{lines}")


def read_stack(patterns: Sequence[Topology]) -> Config:
    """Read the configuration that the Pulumi engine runs the program with.

    Raises:
        ConfigError: as `read`.
    """
    raw = {**engine.get_config_env(), **engine.CONFIG.get()}
    secret = frozenset(key for key in raw if engine.is_config_secret(key))
    return read(raw, project=get_project(), patterns=patterns, secret=secret)


def read(
    raw: Mapping[str, str],
    *,
    project: str,
    patterns: Sequence[Topology],
    secret: frozenset[str] = frozenset(),
) -> Config:
    """Read `namespace:key` -> text as the Pulumi engine hands it over; objects arrive as JSON.

    `secret` are the keys whose values no message may repeat. Keys of other namespaces (providers, `pulumi:`)
    are theirs, unless they look like a misspelt one of ours.

    Raises:
        ConfigError: every error with its key, value, what is allowed and, for a misspelling, a suggestion.
    """
    known = _Keys(project)
    tree, errors = known.sorted_in(raw)
    errors |= _misnamed(raw, "schedule", {timer.function for topology in patterns for timer in topology.timers})
    errors |= _misnamed(raw, "secrets", {name for topology in patterns for name in topology.secrets})
    errors |= {
        f"secrets:{name}": f"not set, and {topology.name} needs it; run `pulumi config set --secret secrets:{name}`"
        for topology in patterns
        for name in topology.secrets
        if f"secrets:{name}" not in raw
    }
    if "entra:clientId" not in raw and (doors := [topology.name for topology in patterns if topology.http]):
        errors["entra:clientId"] = (
            f"not set, and {', '.join(doors)} can be called over HTTP, never without sign-in; "
            "create an app registration (docs/sign-in.md), then run `pulumi config set entra:clientId <its client id>`"
        )
    try:
        config = Config.model_validate(tree)
    except ValidationError as invalid:
        raise ConfigError(dict(known.explained(invalid, secret)) | errors) from None
    if errors:
        raise ConfigError(errors)
    return config


def _misnamed(raw: Mapping[str, str], namespace: str, names: set[str]) -> Errors:
    """Keys of a namespace whose names the patterns declare, and that none declares."""
    allowed = [f"{namespace}:{name}" for name in sorted(names)]
    return {key: _unknown(key, allowed) for key in raw if key.startswith(f"{namespace}:") and key not in allowed}


def _unknown(key: str, known: Sequence[str]) -> str:
    similar = get_close_matches(key, known, n=1)
    if similar:
        return f"no such key; did you mean {similar[0]}?"
    return f"no such key; there are {', '.join(known)}" if known else "no such key"


class _Keys:
    """The keys that exist, as the schema of `Config` tells them."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._schema = Config.model_json_schema()

    def sorted_in(self, raw: Mapping[str, str]) -> tuple[dict[str, Any], Errors]:
        """Our keys as the tree that `Config` validates, and those that look like ours and are not."""
        tree: dict[str, Any] = {}
        errors: Errors = {}
        sections = [name for name, schema in self._children(self._schema) if _is_object(schema)]
        own = {self._name(name): name for name, schema in self._children(self._schema) if not _is_object(schema)}
        for key, value in raw.items():
            namespace, _, name = key.partition(":")
            if key in own:
                tree[own[key]] = value
            elif namespace in sections:
                tree.setdefault(namespace, {})[name] = self._decoded(namespace, name, value)
            elif namespace == self._project:
                errors[key] = _unknown(key, list(own))
            elif similar := get_close_matches(namespace, [*sections, self._project], n=1, cutoff=0.75):
                errors[key] = f"no such namespace; did you mean {similar[0]}:{name}?"
        return tree, errors

    def explained(self, invalid: ValidationError, secret: frozenset[str]) -> Iterator[tuple[str, str]]:
        for error in invalid.errors():
            path = tuple(str(part) for part in error["loc"])
            schema = self._at(path)
            key = self._name(*path)
            if error["type"] == "extra_forbidden":
                parent = path[:-1]
                yield (
                    key,
                    _unknown(key, [self._name(*parent, name) for name, _ in self._children(self._at(parent))]),
                )
            elif error["type"] == "missing":
                yield key, f"not set; it is {_allowed(schema)}. {schema['description']}"
            else:
                hidden = self._name(*path[:2]) in secret or schema.get("format") == "password"
                shown = "" if hidden or error["input"] is None else f"{error['input']!r} is not possible; "
                reason = str(error.get("ctx", {}).get("error", ""))  # only our own validators give one
                yield key, f"{shown}{reason or _allowed(schema)}{_meant(error['input'], schema)}"

    def _decoded(self, section: str, name: str, value: str) -> Any:
        """An object, where the key holds one and its text is JSON; else the text, for validation to judge."""
        if not _is_object(self._at((section, name))):
            return value
        try:
            return json.loads(value)
        except ValueError:
            return value

    def _name(self, first: str, *rest: str) -> str:
        """How the user writes the key at this path: `model:small.capacity`."""
        if not rest:
            return LOCATION if first == "location" else f"{self._project}:{first}"
        return f"{first}:{'.'.join(rest)}"

    def _at(self, path: tuple[str, ...]) -> dict[str, Any]:
        schema: dict[str, Any] = self._schema
        for part in path:
            schema = dict(self._children(schema)).get(part, schema.get("additionalProperties") or {})
        return schema

    def _children(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, child in schema.get("properties", {}).items():
            yield (
                name,
                {**self._resolved(child), **{key: child[key] for key in ("description", "examples") if key in child}},
            )

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference, and see through `| None`."""
        if "$ref" in schema:
            return self._schema["$defs"][schema["$ref"].rpartition("/")[2]]
        return schema["anyOf"][0] if "anyOf" in schema else schema


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object"


def _choices(schema: Mapping[str, Any]) -> list[str]:
    return [str(choice) for choice in schema.get("enum", ())]


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if choices := _choices(schema):
        return f"one of {', '.join(choices)}"
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "integer" | "number" as kind:
            above = f"above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else ""
            low = above or f"from {schema['minimum']}"
            high = f" to {schema['maximum']}" if "maximum" in schema else " up"
            return f"a {'whole ' if kind == 'integer' else ''}number {low}{high}"
        case "object":
            return f"an object with {', '.join(schema.get('properties', ()))}"
        case _:
            return "text" + "".join(f" like {example}" for example in schema.get("examples", ()))


def _meant(value: Any, schema: Mapping[str, Any]) -> str:
    similar = get_close_matches(str(value), _choices(schema), n=1)
    return f"; did you mean {similar[0]}?" if similar else ""

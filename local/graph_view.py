"""a resource graph -> a tree for people, JSON for programs; neither shows a secret"""

import json
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from local.graph import PACKAGE, Graph, Resource

HIDDEN = "[secret]"


def render_tree(graph: Graph) -> Tree:
    """Components with what they group, in the order of types and names."""
    count = sum(not resource.is_component for resource in graph.resources)
    tree = Tree(f"[bold]{escape(graph.project)}[/] {escape(graph.stack)}: {count} resources")
    _grow(tree, graph, "")
    outputs = tree.add("[bold]outputs[/]")
    for name, value in graph.exports.items():
        outputs.add(escape(f"{name} = {value}"))
    return tree


def _grow(branch: Tree, graph: Graph, parent: str) -> None:
    for resource in sorted(graph.children(parent), key=lambda each: (each.is_component, each.type, each.name)):
        kind = resource.type.removeprefix(f"{PACKAGE}:")
        if resource.is_component:
            kind = f"[bold]{kind.rpartition(':')[2]}[/]"
        kept = " [dim]protected[/]" if resource.protect else ""
        _grow(branch.add(f"{kind} [cyan]{escape(resource.name)}[/]{kept}"), graph, resource.urn)


def to_json(graph: Graph) -> str:
    """The whole graph, in the field names of `Graph` and `Resource`."""
    resources = [_plain(resource) for resource in graph.resources]
    return json.dumps({**asdict(graph), "resources": resources}, indent=2)


def _plain(resource: Resource) -> dict[str, Any]:
    def hidden(values: dict[str, Any]) -> dict[str, Any]:
        return {name: HIDDEN if name in resource.secrets else value for name, value in values.items()}

    fields = asdict(resource)
    return {
        **fields,
        "inputs": hidden(fields["inputs"]),
        "outputs": hidden(fields["outputs"]),
        "secrets": sorted(resource.secrets),
    }

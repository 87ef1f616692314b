"""the resource graph that local/ evaluates without cloud and CLI -> resources as the rules see them"""

from local.graph import PACKAGE, Graph
from policies.resources import Resource


def resources(graph: Graph) -> tuple[Resource, ...]:
    """Everything that Azure would create; all values are known, and what is secret is marked."""
    return tuple(
        Resource(
            type=each.type.removeprefix(f"{PACKAGE}:"),
            name=each.name,
            inputs=each.inputs,
            outputs=each.outputs,
            urn=each.urn,
            secrets=each.secrets,
            protect=each.protect,
        )
        for each in graph.resources
        if not each.is_component
    )

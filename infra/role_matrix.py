"""the registered topologies -> docs/roles.md: who may do what with which entity, and why

`python -m infra.role_matrix > docs/roles.md` writes it. The program grants by `grants.py`; a test compares this page
with what the program declares, so that neither can be changed alone.
"""

import sys
from collections.abc import Iterator, Sequence

from services.kernel.access import Right, grants
from services.kernel.topology import Container, Queue, Subscription, Topic, Topology
from services.registry import PATTERNS

ROLES: dict[Right, str] = {
    "send": "Azure Service Bus Data Sender",
    "receive": "Azure Service Bus Data Receiver",
    "read": "Cosmos DB Built-in Data Reader",
    "write": "Cosmos DB Built-in Data Contributor",
}

HOST = (
    ("Storage Blob Data Owner", "the hosts' storage account", "locks, keys and code of the Functions host"),
    ("Storage Table Data Contributor", "the hosts' storage account", "diagnostic events of the Functions host"),
    ("Monitoring Metrics Publisher", "Application Insights", "telemetry"),
)
"""What every service holds, for the host that runs it."""

HEAD = """# Roles

Generated from the topologies by `python -m infra.role_matrix > docs/roles.md`; do not edit.

Each service signs in as its own user-assigned identity. It holds the roles below and no other: each on one topic,
subscription, queue, container or secret, none on a resource group or a namespace. The policy `identity-exact-roles`
([policies.md](policies.md)) fails for a role too many and for one too few. Cosmos DB's roles are its own, for data
only; the others are Azure's. With `model:provider openai` a service that asks reads the secret `model-key` and holds no
role on a model account.
"""

Row = tuple[str, str, str]
"""Role, on what, why."""


def page(patterns: Sequence[Topology] = PATTERNS) -> str:
    """The matrix of these patterns, as Markdown."""
    return "\n".join(_lines(patterns))


def rows(topology: Topology) -> Iterator[Row]:
    """All that one service may do."""
    for grant in grants(topology):
        yield ROLES[grant.right], _entity(grant.on), grant.why
    if topology.asks:
        yield "Cognitive Services OpenAI User", "the model account", "asks"
    for secret in topology.secrets:
        yield "Key Vault Secrets User", f"secret `{secret}`", "reads it as a setting"
    yield from HOST


def _lines(patterns: Sequence[Topology]) -> Iterator[str]:
    yield HEAD
    for topology in patterns:
        yield f"## {topology.name}\n"
        yield "| role | on | why |"
        yield "|---|---|---|"
        yield from sorted(f"| {role} | {on} | {why} |" for role, on, why in rows(topology))
        yield ""


def _entity(on: Topic | Queue | Subscription | Container) -> str:
    match on:
        case Topic():
            return f"topic `{on.name}`"
        case Queue():
            return f"queue `{on.name}`"
        case Subscription():
            return f"subscription `{on.topic.name}/{on.name}`"
        case Container():
            return f"container `{on.name}`"


if __name__ == "__main__":
    sys.stdout.write(page())

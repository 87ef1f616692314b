"""a resource that keeps logs -> the workspace, so that who did what can be asked in one place"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_azure_native import monitor

from infra.network import Network
from infra.secrets import Secret
from infra.settings import Surroundings

COSMOS_LOGS = ("ControlPlaneRequests", "PartitionKeyStatistics")
ALL = "allLogs"
"""A group of categories that every type has; what Azure adds later is in it."""


@dataclass(frozen=True)
class Logged:
    """`logs` are categories of a resource's log, all of them where none is named; its metrics go along."""

    name: str
    id: Input[str]
    logs: Sequence[str] = ()
    metrics: bool = True
    """Whether it has some."""
    own_tables: bool = False
    """Whether it must be told to write into tables of its own, with typed columns, instead of AzureDiagnostics."""


def everything(around: Surroundings, apps: Mapping[str, Output[str]]) -> list[Logged]:
    """All that keeps logs. Left out are those that say for each request what the traces say too, and cost more."""
    foundation, access = around.foundation, around.model.access
    return [
        Logged("messaging", around.messaging.namespace_id),
        Logged("documents", around.documents.account_id, COSMOS_LOGS, own_tables=True),
        Logged("vault", foundation.vault_id),
        Logged("blobs", foundation.blobs.id, ("StorageWrite", "StorageDelete")),
        Logged("workspace", foundation.workspace_id),
        *([] if isinstance(access, Secret) else [Logged("model", access.id)]),
        *_network(around.network),
        *(Logged(service, app) for service, app in apps.items()),
    ]  # fmt: skip


def _network(network: Network | None) -> list[Logged]:
    if network is None:
        return []
    guards = (Logged(f"{subnet}-guard", guard, metrics=False) for subnet, guard in network.guards.items())
    return [Logged("network", network.id), *guards]


def send(logged: Logged, workspace: Output[str], parent: Resource) -> None:
    """Create the diagnostic setting."""
    monitor.DiagnosticSetting(
        f"{logged.name}-logs",
        name="to-workspace",
        resource_uri=logged.id,
        workspace_id=workspace,
        log_analytics_destination_type="Dedicated" if logged.own_tables else None,
        logs=[
            *(monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in logged.logs),
            *([] if logged.logs else [monitor.DiagnosticsLogSettingsArgs(category_group=ALL, enabled=True)]),
        ],
        metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)] if logged.metrics else [],
        opts=ResourceOptions(parent=parent),
    )

"""a service and its surroundings -> the app settings that services/kernel reads

The names are a contract. Connections follow the convention of the Functions bindings: `ServiceBus__...` and
`Cosmos__...` name an identity here, where on a laptop `ServiceBus` and `Cosmos` hold a connection string.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, Output, Resource

from infra import names
from infra.config import Config
from infra.documents import Documents
from infra.foundation import Foundation
from infra.messaging import Messaging
from infra.model import Model
from infra.network import Network
from infra.secrets import Secret, Secrets
from services.kernel.topology import Topology

Settings = Mapping[str, Input[str]]


@dataclass(frozen=True)
class Surroundings:
    """Everything a service finds in place when it is created."""

    config: Config
    foundation: Foundation
    messaging: Messaging
    documents: Documents
    model: Model
    secrets: Secrets
    network: Network | None
    """None where the stack is public."""
    ready: Sequence[Resource] = ()
    """What an app's surroundings must have besides before it starts: addresses and names in the network."""


def settings(topology: Topology, around: Surroundings, client_id: Output[str]) -> Settings:
    """All settings of one app; none of them is a secret, for secrets are references into the vault."""
    return {
        **_host(topology, around.foundation, client_id),
        **_identity("ServiceBus", client_id, fullyQualifiedNamespace=around.messaging.host),
        **_identity("Cosmos", client_id, accountEndpoint=around.documents.endpoint),
        **(_model(around, client_id) if topology.asks else {}),
        **_behaviour(around.config),
        **_schedules(topology, around.config),
        **{f"Secret_{name.replace('-', '_')}": around.secrets.named[name].reference for name in topology.secrets},
    }


def _host(topology: Topology, foundation: Foundation, client_id: Output[str]) -> Settings:
    """The telemetry setting makes the Python worker call `configure_azure_monitor` of requirements/azure.in; without it
    the spans and metrics of services/kernel/telemetry.py go nowhere. Its exporter and the host both read who signs in
    from the authentication string: the component takes no keys.
    The services must not call it themselves: twice is unsupported. Source: azure-functions-python-worker#1621.
    """
    return {
        **_identity("AzureWebJobsStorage", client_id, accountName=foundation.storage_name),
        "AzureFunctionsWebHost__hostid": names.host_id(topology.name),
        "APPLICATIONINSIGHTS_CONNECTION_STRING": foundation.insights_connection,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": Output.concat("ClientId=", client_id, ";Authorization=AAD"),
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
    }


def _identity(connection: str, client_id: Output[str], **address: Output[str]) -> Settings:
    """A connection that names an address and who signs in there, instead of holding a key."""
    return {
        **{f"{connection}__{name}": value for name, value in address.items()},
        f"{connection}__credential": "managedidentity",
        f"{connection}__clientId": client_id,
    }


def _model(around: Surroundings, client_id: Output[str]) -> Settings:
    config, model = around.config.model, around.model
    credential = {"key": model.access.reference} if isinstance(model.access, Secret) else {"clientId": client_id}
    return {
        "Model__provider": config.provider,
        "Model__endpoint": model.endpoint,
        **{f"Model__{name}": value for name, value in credential.items()},
        **{f"Model__{tier}": deployment for tier, deployment in model.deployments.items()},
        "Model__timeoutSeconds": f"{config.timeout_seconds:g}",
        "Model__effort": config.effort,
    }


def _behaviour(config: Config) -> Settings:
    return {
        "Budget__softTokensPerDay": str(config.budget.soft_tokens_per_day),
        "Budget__hardTokensPerDay": str(config.budget.hard_tokens_per_day),
        "Retry__attempts": str(config.retry.attempts),
        "Retry__baseSeconds": f"{config.retry.base_seconds:g}",
        "Retry__capSeconds": f"{config.retry.cap_seconds:g}",
        "Outbox__olderThanSeconds": f"{config.outbox.older_than_seconds:g}",
    }


def _schedules(topology: Topology, config: Config) -> Settings:
    return {
        f"Schedule_{timer.function}": config.schedule.get(timer.function, timer.schedule) for timer in topology.timers
    }

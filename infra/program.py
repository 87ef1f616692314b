"""configuration -> what every service stands on -> one service per pattern -> what an operator needs to know"""

from collections.abc import Sequence
from itertools import chain

import pulumi

from infra import names
from infra.config_reader import read_stack
from infra.documents import Documents, DocumentsArgs
from infra.foundation import Foundation
from infra.messaging import Messaging, MessagingArgs
from infra.model import Model, ModelArgs
from infra.network import Network, NetworkArgs
from infra.observability import Observability, ObservabilityArgs
from infra.pattern_service import PatternService, PatternServiceArgs
from infra.secrets import Secret, Secrets, SecretsArgs
from infra.settings import Surroundings
from infra.unrouted import keep_unrouted
from services.kernel.access import grants
from services.kernel.topology import Container, Subscription, Topic, Topology
from services.registry import PATTERNS


def main(patterns: Sequence[Topology] = PATTERNS) -> None:
    """Register everything that the stack consists of.

    Raises:
        infra.config_reader.ConfigError: before anything is registered.
    """
    config = read_stack(patterns)
    foundation = Foundation("foundation", config)
    place = foundation.place
    messaging = Messaging("messaging", MessagingArgs(place, config.messaging, topics_of(patterns)))
    for door in (topic for topic in messaging.topics if topic.door):
        keep_unrouted(door, [one for each in patterns for one in each.listens], messaging, place)
    documents = Documents("documents", DocumentsArgs(place, config.documents, containers_of(patterns)))
    model = Model("model", ModelArgs(place, config.model, foundation.vault_name))
    secrets = Secrets("secrets", SecretsArgs(place, foundation.vault_name, config.secrets))
    network = Network("network", NetworkArgs(place, config.network)) if place.private else None
    if network:
        reach_all(network, foundation, messaging, documents, model)
    ready = tuple(network.ready) if network else ()
    around = Surroundings(config, foundation, messaging, documents, model, secrets, network, ready)
    services = {
        topology.name: PatternService(names.slug(topology.name), PatternServiceArgs(topology, around))
        for topology in patterns
    }
    observability = Observability("observability", ObservabilityArgs(around, services, patterns))

    pulumi.export("resourceGroup", place.group)
    pulumi.export("serviceBusNamespace", messaging.host)
    pulumi.export("deadLetters", messaging.dead_letters.name)
    pulumi.export("cosmosEndpoint", documents.endpoint)
    pulumi.export("keyVault", foundation.vault_uri)
    pulumi.export("storageAccount", foundation.storage_name)
    pulumi.export("modelEndpoint", model.endpoint)
    pulumi.export("functionApps", {name: service.app for name, service in services.items()})
    if network:
        pulumi.export("outboundAddress", network.outbound_address)
    pulumi.export("workbook", observability.workbook)
    pulumi.export("functionHosts", {name: service.host_name for name, service in services.items()})


def reach_all(
    network: Network, foundation: Foundation, messaging: Messaging, documents: Documents, model: Model
) -> None:
    """Give everything that services talk to an address in the network."""
    network.reach("messaging", messaging.namespace_id, "namespace")
    network.reach("documents", documents.account_id, "Sql")
    network.reach("vault", foundation.vault_id, "vault")
    network.reach("blobs", foundation.storage_id, "blob")
    network.reach("tables", foundation.storage_id, "table")
    if not isinstance(model.access, Secret):
        network.reach("model", model.access.id, "account")


def topics_of(patterns: Sequence[Topology]) -> set[Topic]:
    """Every topic that somebody listens on or publishes to."""
    touched = (grant.on for grant in chain.from_iterable(map(grants, patterns)))
    return {on.topic if isinstance(on, Subscription) else on for on in touched if isinstance(on, Topic | Subscription)}


def containers_of(patterns: Sequence[Topology]) -> set[Container]:
    """Every container that somebody writes or reads."""
    touched = (grant.on for grant in chain.from_iterable(map(grants, patterns)))
    return {on for on in touched if isinstance(on, Container)}

"""what a topology is granted -> role assignments on the very topic, subscription, container or secret"""

from collections.abc import Mapping

from pulumi import Output, Resource

from infra.documents import DataRole
from infra.roles import Grantee, Role
from infra.secrets import Secret
from infra.settings import Surroundings
from services.kernel.access import Grant, grants
from services.kernel.topology import Container, Queue, Subscription, Topic, Topology

MESSAGING_ROLES = {"send": Role.SERVICE_BUS_SENDER, "receive": Role.SERVICE_BUS_RECEIVER}
DATA_ROLES = {"read": DataRole.READER, "write": DataRole.CONTRIBUTOR}

Subscriptions = Mapping[Subscription, Output[str]]
"""Their resource ids."""


def assign(grantee: Grantee, topology: Topology, subscriptions: Subscriptions, around: Surroundings) -> list[Resource]:
    """Everything that a service may do, and nothing else."""
    return [
        *_host(grantee, around),
        *(_entity(grantee, grant, subscriptions, around) for grant in grants(topology)),
        *(_secret(grantee, around.secrets.named[name].id, name) for name in topology.secrets),
        *([_model(grantee, around)] if topology.asks else []),
    ]


def _host(grantee: Grantee, around: Surroundings) -> list[Resource]:
    """What the Functions host needs: locks, keys and code as blobs, its diagnostics as a table, and telemetry."""
    storage, insights = around.foundation.storage_id, around.foundation.insights_id
    return [
        grantee.assign(Role.BLOB_OWNER, storage, "owns-blobs"),
        grantee.assign(Role.TABLE_CONTRIBUTOR, storage, "writes-tables"),
        grantee.assign(Role.METRICS_PUBLISHER, insights, "publishes-telemetry"),
    ]


def _entity(grantee: Grantee, grant: Grant, subscriptions: Subscriptions, around: Surroundings) -> Resource:
    messaging, documents = around.messaging, around.documents
    match grant.on:
        case Container() as container:
            name = f"{grantee.service}-{grant.right}s-{container.name}"
            return documents.grant(DATA_ROLES[grant.right], container, grantee.principal, name, grantee.parent)
        case Subscription() as listener:
            purpose = f"{grant.right}s-{listener.topic.name}-{listener.name}"
            return grantee.assign(MESSAGING_ROLES[grant.right], subscriptions[listener], purpose)
        case Topic() as topic:
            purpose = f"{grant.right}s-{topic.name}"
            return grantee.assign(MESSAGING_ROLES[grant.right], messaging.topics[topic].id, purpose)
        case Queue() as queue:
            purpose = f"{grant.right}s-{queue.name}"
            return grantee.assign(MESSAGING_ROLES[grant.right], messaging.dead_letters.id, purpose)


def _secret(grantee: Grantee, secret: Output[str], name: str) -> Resource:
    return grantee.assign(Role.SECRETS_USER, secret, f"reads-{name}")


def _model(grantee: Grantee, around: Surroundings) -> Resource:
    access = around.model.access
    if isinstance(access, Secret):
        return _secret(grantee, access.id, access.name)
    return grantee.assign(Role.OPENAI_USER, access.id, "asks-model")

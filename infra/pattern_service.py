"""a topology -> subscriptions, secrets, an identity that may do exactly what it declares, and the app that runs it"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pulumi_azure_native.managedidentity import UserAssignedIdentity

from infra.function_app import FunctionApp, FunctionAppArgs
from infra.roles import DataRole, Grantee, Role
from infra.secret import Secret
from infra.settings import Surroundings, settings
from infra.subscriptions import subscribe
from services.kernel.access import Grant, grants
from services.kernel.topology import Container, Queue, Subscription, Topic, Topology

MESSAGING_ROLES = {"send": Role.SERVICE_BUS_SENDER, "receive": Role.SERVICE_BUS_RECEIVER}
DATA_ROLES = {"read": DataRole.READER, "write": DataRole.CONTRIBUTOR}


@dataclass(frozen=True)
class PatternServiceArgs:
    topology: Topology
    around: Surroundings


class PatternService(ComponentResource):
    """One pattern as it runs in Azure; adding a pattern needs no new file here."""

    app: Output[str]
    host_name: Output[str]

    def __init__(self, name: str, args: PatternServiceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:PatternService", name, None, opts)
        topology, around = args.topology, args.around
        self._around, self._place = around, around.foundation.place

        subscriptions = {
            listener: subscribe(listener, around.messaging, self._place, self) for listener in topology.listens
        }
        secrets = self._secrets(topology.secrets)
        identity = self._identity(name)
        grantee = Grantee(service=name, principal=identity.principal_id, place=self._place, parent=self)
        app = FunctionApp(
            name,
            FunctionAppArgs(
                foundation=around.foundation,
                size=around.config.functions,
                identity=identity,
                settings=settings(topology, around, identity.client_id, secrets),
                always_ready=topology.always_ready,
                after=[
                    *self._host_roles(grantee),
                    *self._entity_roles(grantee, grants(topology), subscriptions),
                    *self._secret_roles(grantee, secrets),
                    *(self._model_roles(grantee) if topology.asks else ()),
                ],
            ),
            opts=ResourceOptions(parent=self),
        )
        self.app, self.host_name = app.app, app.host_name
        self.register_outputs({"app": self.app, "hostName": self.host_name})

    def _identity(self, name: str) -> UserAssignedIdentity:
        return UserAssignedIdentity(
            name,
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            opts=ResourceOptions(parent=self),
        )

    def _secrets(self, names: Sequence[str]) -> list[Secret]:
        values, vault = self._around.config.secrets, self._around.foundation.vault_name
        return [Secret.put(name, values[name].get_secret_value(), vault, self._place, self) for name in names]

    def _host_roles(self, grantee: Grantee) -> list[Resource]:
        """What the Functions host needs: locks, keys and code as blobs, its diagnostics as a table, and telemetry."""
        foundation = self._around.foundation
        return [
            grantee.assign(Role.BLOB_OWNER, foundation.storage_id, "owns-blobs"),
            grantee.assign(Role.TABLE_CONTRIBUTOR, foundation.storage_id, "writes-tables"),
            grantee.assign(Role.METRICS_PUBLISHER, foundation.insights_id, "publishes-telemetry"),
        ]

    def _entity_roles(
        self, grantee: Grantee, granted: Sequence[Grant], subscriptions: Mapping[Subscription, Output[str]]
    ) -> list[Resource]:
        return [self._entity_role(grantee, grant, subscriptions) for grant in granted]

    def _entity_role(
        self, grantee: Grantee, grant: Grant, subscriptions: Mapping[Subscription, Output[str]]
    ) -> Resource:
        messaging, documents = self._around.messaging, self._around.documents
        match grant.on:
            case Container() as container:
                purpose = f"{grant.right}s-{container.name}"
                return grantee.assign_data(DATA_ROLES[grant.right], documents, documents.scopes[container], purpose)
            case Subscription() as listener:
                purpose = f"{grant.right}s-{listener.topic.name}-{listener.name}"
                return grantee.assign(MESSAGING_ROLES[grant.right], subscriptions[listener], purpose)
            case Topic() | Queue() as entity:
                scope = messaging.topics[entity].id if isinstance(entity, Topic) else messaging.dead_letters.id
                return grantee.assign(MESSAGING_ROLES[grant.right], scope, f"{grant.right}s-{entity.name}")

    def _secret_roles(self, grantee: Grantee, secrets: Sequence[Secret]) -> list[Resource]:
        return [grantee.assign(Role.SECRETS_USER, secret.id, f"reads-{secret.name}") for secret in secrets]

    def _model_roles(self, grantee: Grantee) -> list[Resource]:
        model = self._around.model
        if model.account_id is not None:
            return [grantee.assign(Role.OPENAI_USER, model.account_id, "asks-model")]
        return self._secret_roles(grantee, [model.key] if model.key else [])

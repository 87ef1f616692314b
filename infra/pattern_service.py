"""a topology -> subscriptions, an identity that may do exactly what it declares, and the app that runs it"""

from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_azure_native.managedidentity import UserAssignedIdentity

from infra import grants
from infra.function_app import FunctionApp, FunctionAppArgs
from infra.inbound import inbound
from infra.roles import Grantee
from infra.settings import Surroundings, settings
from infra.sign_in import sign_in
from infra.subscriptions import subscribe
from services.kernel.topology import Topology


@dataclass(frozen=True)
class PatternServiceArgs:
    topology: Topology
    around: Surroundings


class PatternService(ComponentResource):
    """One pattern as it runs in Azure; adding a pattern needs no new file here."""

    app: Output[str]
    app_id: Output[str]
    host_name: Output[str]

    def __init__(self, name: str, args: PatternServiceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:PatternService", name, None, opts)
        topology, around = args.topology, args.around
        place = around.foundation.place

        subscriptions = {each: subscribe(each, around.messaging, place, self) for each in topology.listens}
        identity = UserAssignedIdentity(
            name,
            resource_group_name=place.group,
            location=place.location,
            tags=place.tags,
            opts=ResourceOptions(parent=self),
        )
        grantee = Grantee(service=name, principal=identity.principal_id, place=place, parent=self)
        app = FunctionApp(
            name,
            FunctionAppArgs(
                service=topology.name,
                foundation=around.foundation,
                size=around.config.functions,
                identity=identity,
                settings=settings(topology, around, identity.client_id),
                inbound=inbound(around.config.network, http=topology.http),
                network=around.network,
                always_ready=topology.always_ready,
                after=[*grants.assign(grantee, topology, subscriptions, around), *(around.ready)],
            ),
            opts=ResourceOptions(parent=self),
        )
        if topology.http:
            sign_in(name, app.app, str(around.config.entra.client_id), place, self)
        self.app, self.app_id, self.host_name = app.app, app.app_id, app.host_name
        self.register_outputs({"app": self.app, "hostName": self.host_name})

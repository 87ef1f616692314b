"""identity and settings -> a Flex Consumption app, its plan, the container that its code is kept in, and the code"""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import ComponentResource, Output, Resource, ResourceOptions, RunError
from pulumi_azure_native import storage, web
from pulumi_azure_native.managedidentity import UserAssignedIdentity

from infra import config
from infra.foundation import Foundation
from infra.inbound import Inbound
from infra.network import Network
from infra.publishing.code import Code, CodeArgs
from infra.settings import Settings


@dataclass(frozen=True)
class FunctionAppArgs:
    service: str
    """The folder that has the code."""
    foundation: Foundation
    size: config.Functions
    identity: UserAssignedIdentity
    settings: Settings
    inbound: Inbound
    network: Network | None
    """Where its calls start from and where it is reached, if the stack has one."""
    always_ready: Sequence[str]
    """Functions that keep warm instances."""
    after: Sequence[Resource]
    """Role assignments: a host that starts before it may read its storage gives up."""


class FunctionApp(ComponentResource):
    """One plan per app, as Flex Consumption wants it; there are no publishing passwords."""

    app: Output[str]
    app_id: Output[str]
    host_name: Output[str]

    def __init__(self, name: str, args: FunctionAppArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:FunctionApp", name, None, opts)
        self._name, self._args, self._place = name, args, args.foundation.place
        container = self._container()
        app = self._app(self._plan(), container)
        self.app, self.app_id, self.host_name = app.name, app.id, app.default_host_name
        inside = [args.network.reach(name, app.id, "sites", self)] if args.network else []
        for protocol, policy in {"scm": web.WebAppScmAllowed, "ftp": web.WebAppFtpAllowed}.items():
            policy(
                f"{name}-{protocol}",
                name=app.name,
                resource_group_name=self._place.group,
                allow=False,
                opts=ResourceOptions(parent=self),
            )
        if args.size.publish_code:
            self._code(app, container, [app, *inside])
        self.register_outputs({"app": self.app, "hostName": self.host_name})

    def _plan(self) -> Output[str]:
        plan = web.AppServicePlan(
            self._name,
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            kind="functionapp",
            reserved=True,  # Linux
            sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"),
            zone_redundant=self._place.zones,
            opts=ResourceOptions(parent=self),
        )
        return plan.id

    def _container(self) -> storage.BlobContainer:
        return storage.BlobContainer(
            self._name,
            container_name=f"code-{self._name}",
            account_name=self._args.foundation.storage_name,
            resource_group_name=self._place.group,
            public_access=storage.PublicAccess.NONE,
            opts=ResourceOptions(parent=self, depends_on=[self._args.foundation.blobs]),
        )

    def _code(self, app: web.WebApp, container: storage.BlobContainer, after: Sequence[Resource]) -> None:
        """After the app, and so after its roles: the host starts with the code, and reads it as the app's identity.

        After its address in the network too: the publishing site turns away who comes by the public one.
        """
        Code(
            self._name,
            CodeArgs(
                service=self._args.service,
                python=self._args.size.python_version,
                app=app.id,
                container=container.id,
                address=app.host_name_ssl_states.apply(_publishing_site),
            ),
            opts=ResourceOptions(parent=self, depends_on=after, deleted_with=app),
        )

    def _app(self, plan: Output[str], container: storage.BlobContainer) -> web.WebApp:
        identity = self._args.identity
        return web.WebApp(
            self._name,
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            kind="functionapp,linux",
            server_farm_id=plan,
            https_only=True,
            public_network_access=self._args.inbound.public_access,
            virtual_network_subnet_id=self._args.network.apps if self._args.network else None,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[identity.id]
            ),
            key_vault_reference_identity=identity.id,
            function_app_config=self._flex(container),
            # Not SiteConfigArgs: it adds netFrameworkVersion, which Flex Consumption refuses, as it does ftpsState
            # (pulumi-azure-native#4168, terraform-azurerm-avm-res-web-site#360).
            site_config={
                **self._args.inbound.restrictions(),
                "app_settings": [
                    web.NameValuePairArgsDict(name=name, value=value)
                    for name, value in sorted(self._args.settings.items())
                ],
                "min_tls_version": web.SupportedTlsVersions.SUPPORTED_TLS_VERSIONS_1_2,
                "scm_min_tls_version": web.SupportedTlsVersions.SUPPORTED_TLS_VERSIONS_1_2,
                "http20_enabled": True,
                "remote_debugging_enabled": False,
            },
            opts=ResourceOptions(parent=self, depends_on=self._args.after),
        )

    def _flex(self, container: storage.BlobContainer) -> web.FunctionAppConfigArgs:
        size = self._args.size
        return web.FunctionAppConfigArgs(
            runtime=web.FunctionsRuntimeArgs(name=web.RuntimeName.PYTHON, version=size.python_version),
            deployment=web.FunctionsDeploymentArgs(
                storage=web.FunctionsDeploymentStorageArgs(
                    type=web.FunctionsDeploymentStorageType.BLOB_CONTAINER,
                    value=Output.concat(self._args.foundation.blob_endpoint, container.name),
                    authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                        type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                        user_assigned_identity_resource_id=self._args.identity.id,
                    ),
                )
            ),
            scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
                instance_memory_mb=size.memory_mb,
                maximum_instance_count=size.maximum_instances,
                always_ready=[
                    # In lower case, or the instances are never matched (Azure-Functions#2581).
                    web.FunctionsAlwaysReadyConfigArgs(
                        name=f"function:{function.lower()}", instance_count=size.always_ready
                    )
                    for function in self._args.always_ready
                    if size.always_ready
                ],
            ),
        )


def _publishing_site(names: Sequence[web.outputs.HostNameSslStateResponse] | None) -> str:
    """The address that One Deploy answers at; Azure tells it, for it may have a region and a hash in it."""
    for each in names or ():
        if each.host_type == web.HostType.REPOSITORY:
            return f"https://{each.name}"
    raise RunError("Azure names no publishing site of the app; run `pulumi refresh`, then `pulumi up` again")

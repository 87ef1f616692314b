"""resource group -> logs, vault, storage: what every service stands on"""

from pulumi import ComponentResource, Output, ResourceOptions, get_project, get_stack
from pulumi_azure_native import applicationinsights, authorization, keyvault, operationalinsights, storage
from pulumi_azure_native.resources import ResourceGroup

from infra.config import Config
from infra.place import Place

RECOVERABLE = 7
"""Days in which deleted code, and the keys of the hosts, can be brought back."""


class Foundation(ComponentResource):
    """One per stack. Names are Pulumi's: random where Azure wants them unique in the world, kept in the state.

    So a stack that was destroyed can be created again at once: a deleted vault or model account keeps its name for
    days, and the new one has another.
    """

    place: Place
    group_id: Output[str]
    workspace_id: Output[str]
    insights_id: Output[str]
    insights_connection: Output[str]
    vault_id: Output[str]
    vault_name: Output[str]
    vault_uri: Output[str]
    storage_id: Output[str]
    storage_name: Output[str]
    blob_endpoint: Output[str]
    blobs: storage.BlobServiceProperties
    """What containers are in; they come after it."""

    def __init__(self, name: str, config: Config, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Foundation", name, None, opts)
        self._config = config
        self.place = self._resource_group()
        self._observability()
        self._vault()
        self._storage()
        self.register_outputs({"vaultName": self.vault_name, "storageName": self.storage_name})

    def _resource_group(self) -> Place:
        tags = {"project": get_project(), "stack": get_stack()}
        keep = self._config.protect_data
        group = ResourceGroup(
            f"{get_project()}-{get_stack()}",
            location=self._config.location,
            tags=tags,
            opts=ResourceOptions(parent=self, protect=keep, retain_on_delete=keep),
        )
        self.group_id = group.id
        client = authorization.get_client_config_output()
        return Place(
            group=group.name,
            location=self._config.location,
            tags=tags,
            subscription=client.subscription_id,
            tenant=client.tenant_id,
            protect=keep,
            zones=self._config.zone_redundant,
            private=self._config.network.mode == "private",
        )

    def _observability(self) -> None:
        config = self._config.observability
        workspace = operationalinsights.Workspace(
            "logs",
            resource_group_name=self.place.group,
            location=self.place.location,
            tags=self.place.tags,
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=config.retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            workspace_capping=None
            if config.daily_cap_gb is None
            else operationalinsights.WorkspaceCappingArgs(daily_quota_gb=config.daily_cap_gb),
            opts=ResourceOptions(parent=self),
        )
        component = applicationinsights.Component(
            "insights",
            resource_group_name=self.place.group,
            location=self.place.location,
            tags=self.place.tags,
            kind="web",
            application_type=applicationinsights.ApplicationType.WEB,
            workspace_resource_id=workspace.id,
            disable_local_auth=True,
            opts=ResourceOptions(parent=self),
        )
        self.workspace_id = workspace.id
        self.insights_id = component.id
        self.insights_connection = component.connection_string

    def _vault(self) -> None:
        config = self._config.vault
        vault = keyvault.Vault(
            "vault",
            resource_group_name=self.place.group,
            location=self.place.location,
            tags=self.place.tags,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=self.place.tenant,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=config.soft_delete_days,
                enable_purge_protection=config.purge_protection or None,  # Azure refuses an explicit false
                public_network_access=self.place.public_access,
                # What Azure's own management does, as when a secret is put in here, is let in and nothing else is.
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action=keyvault.NetworkRuleAction.DENY,
                    bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
                )
                if self.place.private
                else None,
            ),
            opts=self.place.keeping(self),
        )
        self.vault_id = vault.id
        self.vault_name = vault.name
        self.vault_uri = vault.properties.apply(lambda properties: properties.vault_uri or "")

    def _storage(self) -> None:
        account = storage.StorageAccount(
            "storage",
            resource_group_name=self.place.group,
            location=self.place.location,
            tags=self.place.tags,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=self._config.storage.sku),
            allow_shared_key_access=False,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            default_to_o_auth_authentication=True,
            is_local_user_enabled=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            public_network_access=self.place.public_access,
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY if self.place.private else storage.DefaultAction.ALLOW,
                bypass=storage.Bypass.AZURE_SERVICES,
            ),
            opts=ResourceOptions(parent=self),
        )
        self.blobs = storage.BlobServiceProperties(
            "blobs",
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=self.place.group,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=RECOVERABLE),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=RECOVERABLE),
            opts=ResourceOptions(parent=self),
        )
        self.storage_id = account.id
        self.storage_name = account.name
        self.blob_endpoint = account.primary_endpoints.apply(lambda endpoints: endpoints.blob)

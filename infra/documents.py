"""what the patterns keep and read -> an account with one database and their containers"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pulumi_azure_native import cosmosdb

from infra import config
from infra.place import Place
from infra.roles import assignment_name
from services.entities import (
    ACCOUNTS,
    BUDGETS,
    DATABASE,
    DECISIONS,
    EVENTS,
    ITEM_VERSIONS,
    ITEMS,
    RECIPIENTS,
    SAGAS,
    STOCK,
    VIEWS,
)
from services.kernel.topology import Container

FOR_EVER = -1
"""Time-to-live on, without a default: items expire that carry a `ttl` of their own."""

EVERYTHING = "/*"


@dataclass(frozen=True)
class Indexing:
    """Paths that a write pays an index entry for, and those it does not; the more precise path wins."""

    include: tuple[str, ...] = (EVERYTHING,)
    exclude: tuple[str, ...] = ()


INDEXED = {
    # Read by id; what operators ask is which events of a type who answered, and when.
    DECISIONS: Indexing(("/event_key/?", "/event_type/?", "/source/?", "/at/?"), (EVERYTHING,)),
    # Read by id. No path but the partition key, which is not indexed by itself.
    BUDGETS: Indexing(("/scope/?",), (EVERYTHING,)),
    # Bodies in the outbox, which nobody asks for and the next write deletes; and what a marker says for people.
    **dict.fromkeys(
        (ITEMS, EVENTS, VIEWS, SAGAS, STOCK, ACCOUNTS, RECIPIENTS),
        Indexing(exclude=("/messages/*", "/announced/*")),
    ),
    # Besides, whole items: what they said when they were analysed is read by id.
    ITEM_VERSIONS: Indexing(exclude=("/messages/*", "/announced/*", "/content/*")),
}
"""Where Azure's own policy, which indexes everything, costs writes for nothing.

Source: learn.microsoft.com/azure/cosmos-db/index-policy.
"""


class DataRole(StrEnum):
    """Built-in roles for data, by their ids; each account defines them for itself."""

    READER = "00000000-0000-0000-0000-000000000001"
    CONTRIBUTOR = "00000000-0000-0000-0000-000000000002"


@dataclass(frozen=True)
class DocumentsArgs:
    """`containers` may name one twice: one pattern keeps it, others read it."""

    place: Place
    config: config.Documents
    containers: Iterable[Container]


class Documents(ComponentResource):
    """A Cosmos DB account without keys; serverless, or with throughput that all containers share."""

    account: Output[str]
    account_id: Output[str]
    endpoint: Output[str]
    containers: dict[Container, cosmosdb.SqlResourceSqlContainer]

    def __init__(self, name: str, args: DocumentsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Documents", name, None, opts)
        self._place, self._config = args.place, args.config
        account = self._account()
        self.account, self.account_id, self.endpoint = account.name, account.id, account.document_endpoint
        database = self._database()
        self.containers = {
            container: self._container(container, database)
            for container in sorted(set(args.containers), key=lambda each: each.name)
        }
        self._changed: list[Resource] = list(self.containers.values())
        self.register_outputs({"endpoint": self.endpoint})

    def grant(
        self, role: DataRole, on: Container, principal: Output[str], name: str, parent: Resource
    ) -> cosmosdb.SqlResourceSqlRoleAssignment:
        """Let a principal read or write one container.

        The account is locked while a role is assigned and refuses what else comes, so one grant waits for the other
        (terraform-provider-azurerm#15842).
        """
        # Looks like the container's resource id and is not.
        scope = Output.concat(self.account_id, f"/dbs/{DATABASE}/colls/", self.containers[on].name)
        assignment = cosmosdb.SqlResourceSqlRoleAssignment(
            name,
            role_assignment_id=assignment_name(scope, principal, role),
            account_name=self.account,
            resource_group_name=self._place.group,
            principal_id=principal,
            role_definition_id=Output.concat(self.account_id, f"/sqlRoleDefinitions/{role}"),
            scope=scope,
            opts=ResourceOptions(parent=parent, depends_on=self._changed),
        )
        self._changed = [assignment]
        return assignment

    @property
    def _serverless(self) -> bool:
        return self._config.capacity == "serverless"

    def _account(self) -> cosmosdb.DatabaseAccount:
        return cosmosdb.DatabaseAccount(
            "documents",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            kind=cosmosdb.DatabaseAccountKind.GLOBAL_DOCUMENT_DB,
            database_account_offer_type=cosmosdb.DatabaseAccountOfferType.STANDARD,
            capabilities=[cosmosdb.CapabilityArgs(name="EnableServerless")] if self._serverless else [],
            consistency_policy=cosmosdb.ConsistencyPolicyArgs(
                default_consistency_level=cosmosdb.DefaultConsistencyLevel.SESSION
            ),
            locations=[
                cosmosdb.LocationArgs(
                    location_name=self._place.location, failover_priority=0, is_zone_redundant=self._place.zones
                )
            ],
            backup_policy=cosmosdb.ContinuousModeBackupPolicyArgs(
                type="Continuous",
                continuous_mode_properties=cosmosdb.ContinuousModePropertiesArgs(
                    tier=cosmosdb.ContinuousTier(f"Continuous{self._config.restorable_days}Days")
                ),
            ),
            public_network_access=self._place.public_access,
            disable_local_auth=True,
            disable_key_based_metadata_write_access=True,
            minimal_tls_version=cosmosdb.MinimalTlsVersion.TLS12,
            opts=self._place.keeping(self),
        )

    def _database(self) -> Output[str]:
        database = cosmosdb.SqlResourceSqlDatabase(
            DATABASE,
            database_name=DATABASE,
            account_name=self.account,
            resource_group_name=self._place.group,
            resource=cosmosdb.SqlDatabaseResourceArgs(id=DATABASE),
            # Autoscale from the start: a database cannot be changed to it here (pulumi-azure-native#4189).
            options=None
            if self._serverless
            else cosmosdb.CreateUpdateOptionsArgs(
                autoscale_settings=cosmosdb.AutoscaleSettingsArgs(max_throughput=self._config.request_units)
            ),
            opts=self._place.keeping(self),
        )
        return database.name

    def _container(self, container: Container, database: Output[str]) -> cosmosdb.SqlResourceSqlContainer:
        lifetime = FOR_EVER if container.keeps is None else int(container.keeps.total_seconds())
        return cosmosdb.SqlResourceSqlContainer(
            container.name,
            container_name=container.name,
            account_name=self.account,
            database_name=database,
            resource_group_name=self._place.group,
            resource=cosmosdb.SqlContainerResourceArgs(
                id=container.name,
                partition_key=cosmosdb.ContainerPartitionKeyArgs(
                    paths=[f"/{container.partition_key}"], kind=cosmosdb.PartitionKind.HASH, version=2
                ),
                default_ttl=lifetime if container.expires else None,
                indexing_policy=_policy(INDEXED[container]) if container in INDEXED else None,
            ),
            opts=self._place.keeping(self),
        )


def _policy(indexing: Indexing) -> cosmosdb.IndexingPolicyArgs:
    return cosmosdb.IndexingPolicyArgs(
        indexing_mode=cosmosdb.IndexingMode.CONSISTENT,
        automatic=True,
        included_paths=[cosmosdb.IncludedPathArgs(path=path) for path in indexing.include],
        # Azure adds the etag by itself; named here, the resource is as declared when it is read back.
        excluded_paths=[cosmosdb.ExcludedPathArgs(path=path) for path in (*indexing.exclude, '/"_etag"/?')],
    )

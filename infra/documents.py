"""what the patterns keep and read -> an account with one database and their containers"""

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_azure_native import cosmosdb

from infra.place import Place
from services.entities import DATABASE
from services.kernel.topology import Container

FOR_EVER = -1
"""Time-to-live on, without a default: items expire that carry a `ttl` of their own."""


@dataclass(frozen=True)
class DocumentsArgs:
    """`containers` may name one twice: one pattern keeps it, others read it."""

    place: Place
    containers: Iterable[Container]


class Documents(ComponentResource):
    """A serverless Cosmos DB account without keys."""

    account: Output[str]
    account_id: Output[str]
    endpoint: Output[str]
    scopes: dict[Container, Output[str]]
    """What a data-plane role can be restricted to; not the resource ids, though they look alike."""

    def __init__(self, name: str, args: DocumentsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Documents", name, None, opts)
        self._place = args.place
        account = self._account()
        self.account, self.account_id, self.endpoint = account.name, account.id, account.document_endpoint
        database = self._database()
        self.scopes = {
            container: self._scope(self._container(container, database))
            for container in sorted(set(args.containers), key=lambda each: each.name)
        }
        self.register_outputs({"endpoint": self.endpoint})

    def _account(self) -> cosmosdb.DatabaseAccount:
        return cosmosdb.DatabaseAccount(
            "documents",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            kind=cosmosdb.DatabaseAccountKind.GLOBAL_DOCUMENT_DB,
            database_account_offer_type=cosmosdb.DatabaseAccountOfferType.STANDARD,
            capabilities=[cosmosdb.CapabilityArgs(name="EnableServerless")],
            consistency_policy=cosmosdb.ConsistencyPolicyArgs(
                default_consistency_level=cosmosdb.DefaultConsistencyLevel.SESSION
            ),
            locations=[cosmosdb.LocationArgs(location_name=self._place.location, failover_priority=0)],
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
            ),
            opts=self._place.keeping(self),
        )

    def _scope(self, container: cosmosdb.SqlResourceSqlContainer) -> Output[str]:
        return Output.concat(self.account_id, f"/dbs/{DATABASE}/colls/", container.name)

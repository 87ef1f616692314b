"""an identity and a scope -> a role assignment under a name that never changes

Azure has two systems: Azure RBAC, and Cosmos DB's own for its data. Ids are those of the built-in roles.
"""

from dataclasses import dataclass
from enum import StrEnum

from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_azure_native import authorization, cosmosdb

from infra import names
from infra.documents import Documents
from infra.place import Place


class Role(StrEnum):
    """Built-in roles of Azure RBAC."""

    SERVICE_BUS_RECEIVER = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
    SERVICE_BUS_SENDER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
    BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
    SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
    OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"


class DataRole(StrEnum):
    """Built-in data-plane roles of Cosmos DB, defined anew in each account."""

    READER = "00000000-0000-0000-0000-000000000001"
    CONTRIBUTOR = "00000000-0000-0000-0000-000000000002"


@dataclass(frozen=True)
class Grantee:
    """Who is granted something: the identity of one service, and the component that its assignments belong to."""

    service: str
    principal: Output[str]
    place: Place
    parent: Resource

    def assign(self, role: Role, scope: Input[str], purpose: str) -> Resource:
        """Grant a role of Azure RBAC; `purpose` makes the resource's name in the program."""
        definition = Output.concat(
            "/subscriptions/", self.place.subscription, f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
        )
        return authorization.RoleAssignment(
            f"{self.service}-{purpose}",
            role_assignment_name=self._guid(scope, role),
            principal_id=self.principal,
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,  # or Azure looks for a user, too early
            role_definition_id=definition,
            scope=scope,
            opts=ResourceOptions(parent=self.parent),
        )

    def assign_data(self, role: DataRole, documents: Documents, scope: Input[str], purpose: str) -> Resource:
        """Grant a data-plane role of Cosmos DB on a database or container."""
        return cosmosdb.SqlResourceSqlRoleAssignment(
            f"{self.service}-{purpose}",
            role_assignment_id=self._guid(scope, role),
            account_name=documents.account,
            resource_group_name=self.place.group,
            principal_id=self.principal,
            role_definition_id=Output.concat(documents.account_id, f"/sqlRoleDefinitions/{role}"),
            scope=scope,
            opts=ResourceOptions(parent=self.parent),
        )

    def _guid(self, scope: Input[str], role: str) -> Output[str]:
        return Output.all(scope, self.principal).apply(lambda both: names.guid(both[0], both[1], role))

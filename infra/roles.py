"""an identity, a role and a scope -> a role assignment, under the same id each time

This is Azure RBAC; Cosmos DB has a system of its own for its data, see `documents.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_azure_native import authorization

from infra import names
from infra.place import Place


class Role(StrEnum):
    """Built-in roles, by their ids."""

    SERVICE_BUS_RECEIVER = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
    SERVICE_BUS_SENDER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
    BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
    SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
    OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"


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
            role_assignment_name=assignment_name(scope, self.principal, role),
            principal_id=self.principal,
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,  # or Azure looks for a user, too early
            role_definition_id=definition,
            scope=scope,
            opts=ResourceOptions(parent=self.parent),
        )


def assignment_name(scope: Input[str], principal: Input[str], role: str) -> Output[str]:
    """The id of an assignment: another scope, principal or role is another assignment, made before the old one goes."""
    return Output.all(scope, principal).apply(lambda known: names.guid(*known, role))

"""a value from encrypted configuration -> Key Vault -> the reference that an app setting holds in its place"""

from dataclasses import dataclass

from pulumi import Output, Resource, ResourceOptions
from pulumi_azure_native import keyvault

from infra.place import Place


@dataclass(frozen=True)
class Secret:
    """A secret in the vault; apps hold the reference, and the platform resolves it with their identity."""

    name: str
    id: Output[str]
    reference: Output[str]

    @classmethod
    def put(cls, name: str, value: str, vault: Output[str], place: Place, parent: Resource) -> "Secret":
        stored = keyvault.Secret(
            name,
            secret_name=name,
            vault_name=vault,
            resource_group_name=place.group,
            tags=place.tags,
            properties=keyvault.SecretPropertiesArgs(value=Output.secret(value), content_type="text/plain"),
            opts=ResourceOptions(parent=parent),
        )
        reference = Output.concat("@Microsoft.KeyVault(VaultName=", vault, ";SecretName=", stored.name, ")")
        return cls(name=name, id=stored.id, reference=reference)

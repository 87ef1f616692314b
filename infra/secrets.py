"""a value from encrypted configuration -> Key Vault -> the reference that an app setting holds in its place"""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pulumi_azure_native import keyvault
from pydantic import SecretStr

from infra.place import Place


@dataclass(frozen=True)
class Secret:
    """A secret in the vault; apps hold the reference, and the platform resolves it with their identity."""

    name: str
    id: Output[str]
    reference: Output[str]

    @classmethod
    def put(cls, name: str, value: SecretStr, vault: Output[str], place: Place, parent: Resource) -> "Secret":
        stored = keyvault.Secret(
            name,
            secret_name=name,
            vault_name=vault,
            resource_group_name=place.group,
            tags=place.tags,
            properties=keyvault.SecretPropertiesArgs(
                value=Output.secret(value.get_secret_value()), content_type="text/plain"
            ),
            opts=ResourceOptions(parent=parent),
        )
        reference = Output.concat("@Microsoft.KeyVault(VaultName=", vault, ";SecretName=", stored.name, ")")
        return cls(name=name, id=stored.id, reference=reference)


@dataclass(frozen=True)
class SecretsArgs:
    place: Place
    vault: Output[str]
    values: Mapping[str, SecretStr]


class Secrets(ComponentResource):
    """The secrets that patterns declare; several may declare the same."""

    named: dict[str, Secret]

    def __init__(self, name: str, args: SecretsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Secrets", name, None, opts)
        self.named = {
            each: Secret.put(each, value, args.vault, args.place, self) for each, value in args.values.items()
        }
        self.register_outputs({})

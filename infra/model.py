"""model:... -> an account with a deployment per tier, or the key of somebody else's"""

from dataclasses import dataclass

from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pulumi_azure_native import cognitiveservices

from infra import config, names
from infra.config import Tier
from infra.place import Place
from infra.secrets import Secret

KEY = "model-key"


@dataclass(frozen=True)
class ModelArgs:
    place: Place
    config: config.Model
    vault: Output[str]


class Model(ComponentResource):
    """Who answers."""

    endpoint: Output[str]
    deployments: dict[Tier, str]
    """What each tier is called in a request."""
    access: cognitiveservices.Account | Secret
    """What a service must be let into: the account of provider `azure`, the key of provider `openai`."""

    def __init__(self, name: str, args: ModelArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Model", name, None, opts)
        if args.config.key is None:
            self._provision(args.place, args.config)
        else:
            self.endpoint = Output.from_input(args.config.endpoint)
            self.deployments = {tier: deployment.model for tier, deployment in args.config.tiers().items()}
            self.access = Secret.put(KEY, args.config.key, args.vault, args.place, self)
        self.register_outputs({"endpoint": self.endpoint})

    def _provision(self, place: Place, config: config.Model) -> None:
        # Tokens are only accepted at a host name of the account's own; the group's name is unique, and so is this.
        subdomain = place.group.apply(names.slug)
        account = cognitiveservices.Account(
            "model",
            resource_group_name=place.group,
            location=config.location or place.location,
            tags=place.tags,
            kind="OpenAI",
            sku=cognitiveservices.SkuArgs(name="S0"),
            properties=cognitiveservices.AccountPropertiesArgs(
                custom_sub_domain_name=subdomain,
                disable_local_auth=True,
                public_network_access=place.public_access,
                network_acls=cognitiveservices.NetworkRuleSetArgs(
                    default_action=cognitiveservices.NetworkRuleAction.DENY
                )
                if place.private
                else None,
            ),
            opts=ResourceOptions(parent=self),
        )
        self.access = account
        self.endpoint = Output.concat("https://", subdomain, ".openai.azure.com/openai/v1/")
        self.deployments = {tier: tier for tier in config.tiers()}
        last: Resource = account
        for tier, deployment in config.tiers().items():
            last = cognitiveservices.Deployment(
                tier,
                deployment_name=tier,
                account_name=account.name,
                resource_group_name=place.group,
                sku=cognitiveservices.SkuArgs(name=deployment.sku, capacity=deployment.capacity),
                properties=cognitiveservices.DeploymentPropertiesArgs(
                    model=cognitiveservices.DeploymentModelArgs(
                        format="OpenAI", name=deployment.model, version=deployment.version
                    ),
                    version_upgrade_option=cognitiveservices.DeploymentModelVersionUpgradeOption.NO_AUTO_UPGRADE,
                ),
                # An account takes one deployment at a time and refuses the rest (terraform-provider-azurerm#22939).
                opts=ResourceOptions(parent=self, depends_on=[last]),
            )

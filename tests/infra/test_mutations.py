"""take any security property away from what infra declares for prod: a policy stops it, each one by one"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest

from local.graph import Graph
from policies.from_graph import resources
from policies.judge import in_context, judge
from policies.resources import Resource, Stack
from policies.waivers import Waivers

Path = tuple[str | int, ...]

SAFE: dict[str, tuple[str, ...]] = {
    "applicationinsights:Component": ("disableLocalAuth", "workspaceResourceId"),
    "cognitiveservices:Account": (
        "properties.disableLocalAuth", "properties.publicNetworkAccess", "properties.networkAcls.defaultAction",
    ),
    "cognitiveservices:Deployment": ("properties.versionUpgradeOption", "properties.model.version"),
    "cosmosdb:DatabaseAccount": (
        "disableLocalAuth", "disableKeyBasedMetadataWriteAccess", "minimalTlsVersion", "publicNetworkAccess",
        "backupPolicy", "locations.0.isZoneRedundant",
    ),
    "keyvault:Vault": (
        "properties.enableRbacAuthorization", "properties.enableSoftDelete", "properties.enablePurgeProtection",
        "properties.publicNetworkAccess", "properties.networkAcls.defaultAction",
    ),
    "monitor:ActionGroup": ("emailReceivers",),
    "monitor:DiagnosticSetting": ("workspaceId", "logs", "resourceUri"),
    "monitor:MetricAlert": ("actions", "enabled", "autoMitigate"),
    "monitor:ScheduledQueryRule": ("actions", "enabled", "autoMitigate", "evaluationFrequency"),
    "network:NetworkSecurityGroup": ("securityRules",),
    "network:PrivateEndpoint": ("privateLinkServiceConnections",),
    "network:VirtualNetwork": tuple(
        f"subnets.{n}.{key}" for n in (0, 1) for key in ("networkSecurityGroup", "defaultOutboundAccess")
    ),
    "operationalinsights:Workspace": ("features.disableLocalAuth",),
    "servicebus:Namespace": ("disableLocalAuth", "minimumTlsVersion", "publicNetworkAccess"),
    "servicebus:Topic": ("requiresDuplicateDetection",),
    "storage:BlobContainer": ("publicAccess",),
    "storage:BlobServiceProperties": ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"),
    "storage:StorageAccount": (
        "allowSharedKeyAccess", "allowBlobPublicAccess", "allowCrossTenantReplication", "isLocalUserEnabled",
        "enableHttpsTrafficOnly", "minimumTlsVersion", "publicNetworkAccess", "networkRuleSet.defaultAction",
        "sku.name",
    ),
    "web:AppServicePlan": ("zoneRedundant",),
    "web:WebApp": (
        "httpsOnly", "identity", "keyVaultReferenceIdentity", "publicNetworkAccess", "virtualNetworkSubnetId",
        "siteConfig.minTlsVersion", "siteConfig.scmMinTlsVersion", "siteConfig.remoteDebuggingEnabled",
        "functionAppConfig.deployment.storage.authentication",
    ),
    "web:WebAppAuthSettingsV2": (
        "platform.enabled", "globalValidation.requireAuthentication", "globalValidation.unauthenticatedClientAction",
        "httpSettings.requireHttps", "identityProviders.azureActiveDirectory.enabled",
        "identityProviders.azureActiveDirectory.registration.openIdIssuer",
        "identityProviders.azureActiveDirectory.validation.allowedAudiences",
    ),
    "web:WebAppFtpAllowed": ("allow",),
    "web:WebAppScmAllowed": ("allow",),
}  # fmt: skip
"""What makes a resource safe, by type: without it, it is not what was meant."""

WHOLE = (
    "authorization:RoleAssignment", "cosmosdb:SqlResourceSqlRoleAssignment", "monitor:DiagnosticSetting",
    "network:PrivateEndpoint", "network:PrivateDnsZoneGroup", "consumption:Budget", "web:WebAppFtpAllowed",
    "web:WebAppScmAllowed", "web:WebAppAuthSettingsV2", "applicationinsights:WebTest", "servicebus:DefaultRule",
)  # fmt: skip
"""Resources whose absence alone makes a stack unsafe."""

WITHOUT_LIMITS = {"siteConfig.ipSecurityRestrictionsDefaultAction", "siteConfig.scmIpSecurityRestrictionsDefaultAction"}
LEFT_OPEN = {
    "web:WebApp publicNetworkAccess": "the firewall behind it still refuses: siteConfig.*DefaultAction is Deny",
}
"""What no policy stops, with the reason why it is safe all the same."""


@pytest.fixture(scope="module")
def judged(prod: Graph) -> Stack:
    return in_context(resources(prod), Waivers(), date(2026, 11, 22))


def stopped(stack: Stack) -> set[str]:
    return {each.rule.id for each in judge(stack, tier="prod", waivers=Waivers()) if each.stops}


def without(stack: Stack, at: Resource, path: str = "") -> Stack:
    """A copy of the stack in which one property, or the whole resource, is missing."""
    changed = () if not path else (replace(at, inputs=_cut(dict(at.inputs), path)),)
    others = (each if each is not at else None for each in stack.resources)
    return replace(stack, resources=(*(each for each in others if each), *changed))


def _cut(inputs: dict[str, Any], path: str) -> dict[str, Any]:
    cut: Any = copy.deepcopy(inputs)
    place = cut
    *above, last = path.split(".")
    for key in above:
        place = place[int(key)] if key.isdecimal() else place[key]
    del place[last]
    return cut


def mutations(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for type_, paths in SAFE.items():
        for resource in stack.of_type(type_):
            yield from ((resource, path) for path in paths)
    yield from ((resource, "") for type_ in WHOLE for resource in stack.of_type(type_))


def test_whatever_makes_prod_safe_is_missed_when_it_is_gone(judged: Stack) -> None:
    assert stopped(judged) == set()

    unnoticed = {
        f"{resource.type} {path or resource.name}".rstrip()
        for resource, path in mutations(judged)
        if not stopped(without(judged, resource, path))
    }

    assert unnoticed == LEFT_OPEN.keys()


def test_every_type_that_is_said_to_be_made_safe_is_in_prod(judged: Stack) -> None:
    assert [type_ for type_ in (*SAFE, *WHOLE) if not judged.of_type(type_)] == []


def test_what_is_left_open_has_a_firewall_behind_it(judged: Stack) -> None:
    for app, limit in product(judged.of_type("web:WebApp"), sorted(WITHOUT_LIMITS)):
        open_app = replace(app, inputs=_cut(dict(app.inputs), "publicNetworkAccess"))
        bare = without(judged, app)
        unlimited = replace(open_app, inputs=_cut(dict(open_app.inputs), limit))
        assert stopped(replace(bare, resources=(*bare.resources, unlimited))) >= {"functions-few-may-knock"}

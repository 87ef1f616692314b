"""stack prod keeps every rule; break what only it has, and exactly the rule that guards it fails"""

from collections.abc import Callable
from typing import Any

import pytest

from policies.judge import judge
from policies.resources import Stack
from policies.waivers import Waivers
from tests.policies.test_dev import changed, put, without

Change = Callable[[Stack], Stack]


def in_subnets(change: Callable[[dict[str, Any]], object]) -> Change:
    def of_each(inputs: dict[str, Any]) -> None:
        for subnet in inputs["subnets"]:
            change(subnet)

    return lambda stack: changed(stack, "network:VirtualNetwork", "network", of_each)


def keeping(rule: str) -> Change:
    """Only the security rules of this name stay."""

    def change(inputs: dict[str, Any]) -> None:
        inputs["securityRules"] = [each for each in inputs["securityRules"] if each["name"] == rule]

    return lambda stack: changed(stack, "network:NetworkSecurityGroup", "endpoints", change)


def in_one_zone(inputs: dict[str, Any]) -> None:
    inputs["locations"][0]["isZoneRedundant"] = False


APP = ("web:WebApp", "inference")
BROKEN: list[tuple[str, str, Change]] = [
    ("network-closed", "messaging", put("servicebus:Namespace", "messaging", {"publicNetworkAccess": "Enabled"})),
    ("network-closed", "documents", put("cosmosdb:DatabaseAccount", "documents", {"publicNetworkAccess": None})),
    ("network-closed", "storage", put("storage:StorageAccount", "storage", {"publicNetworkAccess": "Enabled"})),
    ("network-closed", "vault", put("keyvault:Vault", "vault", {"properties.publicNetworkAccess": "Enabled"})),
    (
        "network-closed",
        "model",
        put("cognitiveservices:Account", "model", {"properties.publicNetworkAccess": "Enabled"}),
    ),
    (
        "network-denies-by-default",
        "storage",
        put("storage:StorageAccount", "storage", {"networkRuleSet.defaultAction": "Allow"}),
    ),
    ("network-denies-by-default", "vault", put("keyvault:Vault", "vault", {"properties.networkAcls": None})),
    (
        "network-denies-by-default",
        "model",
        put("cognitiveservices:Account", "model", {"properties.networkAcls.defaultAction": "Allow"}),
    ),
    *(
        ("network-endpoint", target, without("network:PrivateEndpoint", endpoint))
        for endpoint, target in {
            "messaging": "messaging",
            "documents": "documents",
            "blobs": "storage",
            "tables": "storage",
            "vault": "vault",
            "model": "model",
            "inference": "inference",
        }.items()
    ),
    ("network-endpoint", "documents", without("network:PrivateDnsZoneGroup", "documents")),
    ("functions-in-network", "inference", put(*APP, {"virtualNetworkSubnetId": None})),
    (
        "functions-few-may-knock",
        "inference",
        put(*APP, {"publicNetworkAccess": "Enabled", "siteConfig.ipSecurityRestrictionsDefaultAction": "Allow"}),
    ),
    ("subnet-guarded", "network", in_subnets(lambda subnet: subnet.pop("networkSecurityGroup"))),
    ("subnet-guarded", "network", in_subnets(lambda subnet: subnet.pop("defaultOutboundAccess"))),
    ("subnet-way-out", "network", in_subnets(lambda subnet: subnet.pop("natGateway", None))),
    ("security-group-refuses", "endpoints", keeping("from-inside")),
    ("logs-in-workspace", "endpoints", without("monitor:DiagnosticSetting", "endpoints-guard-logs")),
    ("cosmos-zones", "documents", lambda stack: changed(stack, "cosmosdb:DatabaseAccount", "documents", in_one_zone)),
    ("storage-zones", "storage", put("storage:StorageAccount", "storage", {"sku.name": "Standard_LRS"})),
    ("functions-zones", "inference", put("web:AppServicePlan", "inference", {"zoneRedundant": False})),
    ("key-vault-purge-protection", "vault", put("keyvault:Vault", "vault", {"properties.enablePurgeProtection": None})),
    ("alert-reaches-somebody", "on-call", put("monitor:ActionGroup", "on-call", {"emailReceivers": []})),
]


@pytest.mark.parametrize(("rule", "resource", "change"), BROKEN, ids=[rule for rule, _, _ in BROKEN])
def test_what_is_broken_stops_prod_by_its_rule_and_no_other(
    rule: str, resource: str, change: Change, prod: Stack
) -> None:
    found = [each for each in judge(change(prod), tier="prod", waivers=Waivers()) if each.result != "pass"]

    assert {(each.rule.id, each.resource.name) for each in found} == {(rule, resource)}
    assert all(each.stops for each in found)

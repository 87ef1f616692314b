"""network:mode private: everything has an address inside, and nothing but the doors answers outside"""

import subprocess
import sys
from ipaddress import IPv4Network
from typing import Any

import pytest

from infra import names
from local.graph import ROOT, Graph, evaluate
from services.kernel.topology import Topology
from services.registry import PATTERNS

DOOR = Topology("front_door", http=True)
MODEL = {"model:provider": "openai", "model:key": "made up"}


def subnets(graph: Graph) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in graph.one("network:VirtualNetwork").inputs["subnets"]}


def site(graph: Graph, name: str) -> dict[str, Any]:
    return graph.one("web:WebApp", name).inputs["siteConfig"]


def test_nothing_that_holds_data_answers_outside(prod: Graph) -> None:
    assert prod.one("servicebus:Namespace").inputs["publicNetworkAccess"] == "Disabled"
    assert prod.one("cosmosdb:DatabaseAccount").inputs["publicNetworkAccess"] == "Disabled"
    storage = prod.one("storage:StorageAccount").inputs
    assert (storage["publicNetworkAccess"], storage["networkRuleSet"]["defaultAction"]) == ("Disabled", "Deny")
    for type_ in ("keyvault:Vault", "cognitiveservices:Account"):
        properties = prod.one(type_).inputs["properties"]
        assert properties["publicNetworkAccess"] == "Disabled"
        assert properties["networkAcls"]["defaultAction"] == "Deny"


@pytest.mark.parametrize(
    ("endpoint", "type_", "part", "zone"),
    [
        ("messaging", "servicebus:Namespace", "namespace", "privatelink.servicebus.windows.net"),
        ("documents", "cosmosdb:DatabaseAccount", "Sql", "privatelink.documents.azure.com"),
        ("vault", "keyvault:Vault", "vault", "privatelink.vaultcore.azure.net"),
        ("blobs", "storage:StorageAccount", "blob", "privatelink.blob.core.windows.net"),
        ("tables", "storage:StorageAccount", "table", "privatelink.table.core.windows.net"),
        ("model", "cognitiveservices:Account", "account", "privatelink.openai.azure.com"),
        ("inference", "web:WebApp", "sites", "privatelink.azurewebsites.net"),
    ],
)
def test_a_service_has_an_address_inside_under_the_name_that_it_has_outside(
    endpoint: str, type_: str, part: str, zone: str, prod: Graph
) -> None:
    made = prod.one("network:PrivateEndpoint", endpoint).inputs
    (connection,) = made["privateLinkServiceConnections"]
    named = prod.one("network:PrivateDnsZoneGroup", endpoint).inputs
    (config,) = named["privateDnsZoneConfigs"]

    assert prod.by_id(connection["privateLinkServiceId"]).type == f"azure-native:{type_}"
    assert connection["groupIds"] == [part]
    assert made["subnet"]["id"].endswith("/subnets/endpoints")
    assert prod.by_id(config["privateDnsZoneId"]).inputs["privateZoneName"] == zone


def test_every_private_zone_is_known_in_the_network(prod: Graph) -> None:
    linked = {each.inputs["privateZoneName"]: each.inputs for each in prod.of_type("privatedns:VirtualNetworkLink")}

    for zone in prod.of_type("privatedns:PrivateZone"):
        link = linked[zone.inputs["privateZoneName"]]
        assert link["virtualNetwork"]["id"] == prod.one("network:VirtualNetwork").id
        assert link["registrationEnabled"] is False


def test_apps_start_from_a_subnet_of_their_own_and_leave_by_one_address(prod: Graph) -> None:
    apps = subnets(prod)["apps"]

    (delegation,) = apps["delegations"]
    assert delegation["serviceName"] == "Microsoft.App/environments"
    assert prod.by_id(apps["natGateway"]["id"]).name == "outbound"
    assert prod.exports["outboundAddress"] == prod.one("network:PublicIPAddress").outputs["ipAddress"]
    for app in prod.of_type("web:WebApp"):
        assert app.inputs["virtualNetworkSubnetId"] == f"{prod.one('network:VirtualNetwork').id}/subnets/apps"


def test_subnets_are_guarded_and_share_the_space_without_overlap(prod: Graph) -> None:
    space = IPv4Network(prod.one("network:VirtualNetwork").inputs["addressSpace"]["addressPrefixes"][0])
    apps, endpoints = (IPv4Network(subnets(prod)[name]["addressPrefix"]) for name in ("apps", "endpoints"))

    assert apps.subnet_of(space)
    assert endpoints.subnet_of(space)
    assert not apps.overlaps(endpoints)
    for name, subnet in subnets(prod).items():
        assert subnet["defaultOutboundAccess"] is False
        guard = prod.by_id(subnet["networkSecurityGroup"]["id"])
        assert (guard.name, guard.inputs["securityRules"][-1]["access"]) == (name, "Deny")
    assert subnets(prod)["endpoints"]["privateEndpointNetworkPolicies"] == "Enabled"


@pytest.mark.parametrize("space", ["10.0.0.0/12", "192.168.4.0/24"])
def test_the_largest_and_the_smallest_space_hold_both_subnets(space: str) -> None:
    graph = evaluate("prod", patterns=[], config_overrides={"network:addressSpace": space})

    for subnet in subnets(graph).values():
        assert IPv4Network(subnet["addressPrefix"]).prefixlen <= 27  # what Flex Consumption asks for at least


def test_an_app_starts_when_it_can_reach_what_it_needs(prod: Graph) -> None:
    apps = prod.of_type("web:WebApp")
    named = {each.name: each.urn for each in prod.of_type("network:PrivateDnsZoneGroup")}
    shared = {urn for name, urn in named.items() if name not in {app.name for app in apps}}

    for app in apps:
        assert shared <= set(app.depends_on)


def test_code_is_published_when_the_publishing_site_is_reached_from_inside(prod: Graph) -> None:
    """By its public address it turns everybody away, and that no patience heals."""
    named = {each.name: each.urn for each in prod.of_type("network:PrivateDnsZoneGroup")}
    codes = [each for each in prod.resources if each.type.endswith(":Code")]

    assert {code.name for code in codes} == {app.name for app in prod.of_type("web:WebApp")}
    for code in codes:
        assert named[code.name] in code.depends_on


def test_an_app_without_http_functions_is_closed(prod: Graph) -> None:
    doors = {each.name for each in PATTERNS if each.http}

    open_ = {app.name for app in prod.of_type("web:WebApp") if app.inputs["publicNetworkAccess"] != "Disabled"}

    assert open_ == {names.slug(name) for name in doors}


def test_a_door_stays_reachable_for_azure_monitor_and_whom_the_stack_names() -> None:
    named = {"network:callers": '["203.0.113.0/24", "AzureFrontDoor.Backend"]'}

    graph = evaluate("prod", patterns=[DOOR], config_overrides=named)

    app, config = graph.one("web:WebApp").inputs, site(graph, "front-door")
    assert app["publicNetworkAccess"] == "Enabled"
    assert config["ipSecurityRestrictionsDefaultAction"] == "Deny"
    assert [(each["ipAddress"], each["tag"]) for each in config["ipSecurityRestrictions"]] == [
        ("ActionGroup", "ServiceTag"),
        ("ApplicationInsightsAvailability", "ServiceTag"),
        ("203.0.113.0/24", "Default"),
        ("AzureFrontDoor.Backend", "ServiceTag"),
    ]
    priorities = [each["priority"] for each in config["ipSecurityRestrictions"]]
    assert len(set(priorities)) == len(priorities)
    # and who may call may not publish
    assert config["scmIpSecurityRestrictionsDefaultAction"] == "Deny"
    assert config["scmIpSecurityRestrictions"] == []
    assert config["scmIpSecurityRestrictionsUseMain"] is False


def test_code_is_published_from_inside_or_from_the_addresses_that_are_named(prod: Graph) -> None:
    outside = evaluate("prod", config_overrides={"network:deployFrom": '["203.0.113.7/32"]'})

    config = site(outside, "inference")
    assert [each["ipAddress"] for each in config["scmIpSecurityRestrictions"]] == ["203.0.113.7/32"]
    # the app itself lets in nobody, though its publishing site must be reachable
    assert outside.one("web:WebApp", "inference").inputs["publicNetworkAccess"] == "Enabled"
    assert (config["ipSecurityRestrictionsDefaultAction"], config["ipSecurityRestrictions"]) == ("Deny", [])
    assert site(prod, "inference")["scmIpSecurityRestrictions"] == []


def test_somebody_else_s_model_is_reached_by_the_way_out() -> None:
    graph = evaluate("prod", config_overrides=MODEL)

    assert "model" not in {each.name for each in graph.of_type("network:PrivateEndpoint")}
    assert graph.of_type("network:NatGateway")


def test_a_public_stack_has_no_network_and_no_restrictions(dev: Graph) -> None:
    assert not [
        each.name for each in dev.resources if each.type.startswith(("azure-native:network:", "azure-native:p"))
    ]
    for app in dev.of_type("web:WebApp"):
        assert "virtualNetworkSubnetId" not in app.inputs
        assert "ipSecurityRestrictions" not in app.inputs["siteConfig"]


def test_a_public_stack_does_not_pay_for_importing_what_networks_are_made_of() -> None:
    """The provider's largest module takes longer to import than a public stack to evaluate."""
    script = (
        "import sys; from local.graph import evaluate; evaluate(sys.argv[1]);"
        "print('pulumi_azure_native.network.virtual_network' in sys.modules)"
    )

    def imports(stack: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", script, stack], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    assert (imports("dev"), imports("prod")) == ("False", "True")

"""the network: services answer inside it, apps start from it, and nothing is reached that nobody meant to be"""

from collections.abc import Iterator
from typing import Any

from policies.naming import refers_by
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule, alone, requires

NAMESPACE, ACCOUNT, VAULT = "servicebus:Namespace", "cosmosdb:DatabaseAccount", "keyvault:Vault"
STORAGE, MODEL, APP = "storage:StorageAccount", "cognitiveservices:Account", "web:WebApp"
ENDPOINT, GROUP, NETWORK = "network:PrivateEndpoint", "network:PrivateDnsZoneGroup", "network:VirtualNetwork"

SWITCH = {
    NAMESPACE: "publicNetworkAccess",
    ACCOUNT: "publicNetworkAccess",
    STORAGE: "publicNetworkAccess",
    VAULT: "properties.publicNetworkAccess",
    MODEL: "properties.publicNetworkAccess",
}
FIREWALL = {
    STORAGE: "networkRuleSet.defaultAction",
    VAULT: "properties.networkAcls.defaultAction",
    MODEL: "properties.networkAcls.defaultAction",
}
REACHED = {
    NAMESPACE: ("namespace",),
    ACCOUNT: ("Sql",),
    STORAGE: ("blob", "table"),
    VAULT: ("vault",),
    MODEL: ("account",),
    APP: ("sites",),
}
"""What a service is reached by, part by part."""

EVERYBODY = frozenset({"any", "*", "0.0.0.0/0", "internet", "azurecloud"})
"""What lets in more than anybody meant: AzureCloud is every customer of Azure's."""

MODE = "Run `pulumi config set network:mode private` (docs/network.md says what that asks of you)."


def _is_closed(service: Resource, stack: Stack) -> Iterator[str]:
    yield from requires(SWITCH[service.type], "Disabled")(service, stack)


def _denies(service: Resource, stack: Stack) -> Iterator[str]:
    yield from requires(FIREWALL[service.type], "Deny")(service, stack)


def _is_reached(service: Resource, stack: Stack) -> Iterator[str]:
    for part in REACHED[service.type]:
        leading = [each for each in stack.of_type(ENDPOINT) if _leads_to(each, service, part, stack)]
        if not leading:
            yield f"no private endpoint leads to its {part}"
        elif not any(_is_named(endpoint, stack) for endpoint in leading):
            yield f"the private endpoint of its {part} has no name in a private zone (PrivateDnsZoneGroup)"


def _leads_to(endpoint: Resource, service: Resource, part: str, stack: Stack) -> bool:
    key = "privateLinkServiceConnections"
    for connection in endpoint.objects(key):
        groups = connection.get("groupIds")
        if groups and part in list(groups):
            return refers_by(lambda it=connection: it.get("privateLinkServiceId"), endpoint, key, service, stack)
    return False


def _is_named(endpoint: Resource, stack: Stack) -> bool:
    """By the endpoint's name, which the program gives, or by where it comes from."""
    name = endpoint.get("privateEndpointName")
    for group in stack.of_type(GROUP):
        if endpoint.urn and endpoint.urn in group.comes_from.get("privateEndpointName", ()):
            return True
        if group.name == endpoint.name or (name and group.get("privateEndpointName") == name):
            return True
    return False


def _starts_inside(app: Resource, _: Stack) -> Iterator[str]:
    if "virtualNetworkSubnetId" not in set(app.inputs):
        yield "virtualNetworkSubnetId is not set"


def _lets_in_few(app: Resource, _: Stack) -> Iterator[str]:
    """Closed, or open by default to nobody and to some by name; the same for the site that takes code."""
    if str(app.get("publicNetworkAccess")).casefold() == "disabled":
        return
    for site in ("ipSecurityRestrictions", "scmIpSecurityRestrictions"):
        default = app.get(f"siteConfig.{site}DefaultAction")
        if str(default).casefold() != "deny":
            yield f"siteConfig.{site}DefaultAction is {default or 'not set'}, not Deny, and publicNetworkAccess is on"
        for each in app.objects(f"siteConfig.{site}"):
            source = str(each.get("ipAddress"))
            if source.casefold() in EVERYBODY and str(each.get("action")).casefold() != "deny":
                yield f"siteConfig.{site} lets in {source}"
    if app.get("siteConfig.scmIpSecurityRestrictionsUseMain"):
        yield "siteConfig.scmIpSecurityRestrictionsUseMain is true, so callers may publish code"


def _subnets_are_guarded(network: Resource, _: Stack) -> Iterator[str]:
    for subnet in network.objects("subnets"):
        if not subnet.get("networkSecurityGroup"):
            yield f"subnet {subnet.get('name')} has no networkSecurityGroup"
        if subnet.get("defaultOutboundAccess") is not False:
            yield f"subnet {subnet.get('name')} has a way out that nobody made (defaultOutboundAccess)"


def _apps_have_a_way_out(network: Resource, _: Stack) -> Iterator[str]:
    for subnet in network.objects("subnets"):
        if subnet.get("delegations") and not subnet.get("natGateway"):
            yield f"subnet {subnet.get('name')} has no natGateway"


def _refuses_the_rest(guard: Resource, _: Stack) -> Iterator[str]:
    inbound = [each for each in guard.objects("securityRules") if each.get("direction") == "Inbound"]
    if not any(each.get("access") == "Deny" and each.get("sourceAddressPrefix") == "*" for each in inbound):
        yield "no rule refuses what no other rule lets in"
    for each in inbound:
        source = str(each.get("sourceAddressPrefix"))
        if each.get("access") == "Allow" and source.casefold() in EVERYBODY:
            yield f"rule {each.get('name')} lets in {source}"


# -- examples -------------------------------------------------------------------------------------------------------


def _at(path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: _at(rest, value) if rest else value}


IDS = {
    NAMESPACE: ("namespaceName", "/namespaces/mine"),
    ACCOUNT: ("accountName", "/databaseAccounts/mine"),
    STORAGE: ("accountName", "/storageAccounts/mine"),
    VAULT: ("vaultName", "/vaults/mine"),
    MODEL: ("accountName", "/accounts/mine"),
    APP: ("name", "/sites/mine"),
}


def _reaching(type_: str, *parts: str, of: str | None = None, named: bool = True) -> Stack:
    key, identifier = IDS[type_]
    target = of or f"/subscriptions/s{identifier}"
    endpoints = [
        Resource(
            ENDPOINT,
            part,
            {
                "privateEndpointName": part,
                "privateLinkServiceConnections": [{"privateLinkServiceId": target, "groupIds": [part]}],
            },
        )
        for part in parts
    ]
    groups = [Resource(GROUP, part, {"privateEndpointName": part}) for part in parts if named]
    return Stack((Resource(type_, "mine", {key: "mine"}), *endpoints, *groups), EXAMPLE_DAY)


def _letting_in(*sources: str, main: str = "Deny", scm: str = "Deny", use_main: bool = False) -> dict[str, Any]:
    return {
        "publicNetworkAccess": "Enabled",
        "siteConfig": {
            "ipSecurityRestrictions": [{"ipAddress": source, "action": "Allow"} for source in sources],
            "ipSecurityRestrictionsDefaultAction": main,
            "scmIpSecurityRestrictionsDefaultAction": scm,
            "scmIpSecurityRestrictionsUseMain": use_main,
        },
    }


def _subnet(**different: object) -> dict[str, Any]:
    whole: dict[str, object] = {
        "name": "apps",
        "networkSecurityGroup": {"id": "/networkSecurityGroups/apps"},
        "defaultOutboundAccess": False,
        "delegations": [{"serviceName": "Microsoft.App/environments"}],
        "natGateway": {"id": "/natGateways/outbound"},
    }
    return {"subnets": [{key: value for key, value in (whole | different).items() if value is not None}]}


def _guard(*rules: tuple[str, str]) -> dict[str, Any]:
    return {
        "securityRules": [
            {"name": f"rule-{n}", "direction": "Inbound", "access": access, "sourceAddressPrefix": source}
            for n, (access, source) in enumerate(rules)
        ]
    }


CLOSED = Rule(
    id="network-closed",
    title="Services do not answer on the internet",
    why="A token that was stolen is of use from everywhere; behind the network it is of use from inside only.",
    remedy=MODE,
    severity="high",
    dev="advisory",
    sources=(
        "CKV_AZURE_204", "CKV_AZURE_101", "CKV_AZURE_59", "CKV_AZURE_189", "CKV_AZURE_134",
        "Azure.Cosmos.PublicAccess (AZR-000421)",
        "Azure.AI.PublicAccess (AZR-000280)",
        "Azure Policy cbd11fd3-3002-4907-b6c8-579f0e700e13",
        "Azure Policy 797b37f7-06b8-444c-b1ad-fc62867f335a",
        "Azure Policy b2982f36-99f2-4db5-8eff-283140c09693",
        "Azure Policy 405c5871-3e91-4644-8a63-58e19d68ff5b",
        "Azure Policy 037eea7a-bd0a-46c5-9a66-03aea78705d3",
    ),
    about=tuple(SWITCH),
    check=_is_closed,
    passes=tuple(stack for each, path in SWITCH.items() for stack in alone(each, _at(path, "Disabled"))),
    fails=tuple(stack for each, path in SWITCH.items() for stack in alone(each, _at(path, "Enabled"), {})),
)  # fmt: skip

DENIES = Rule(
    id="network-denies-by-default",
    title="A firewall lets in nobody who is not named",
    why="The switch for public access can be turned back on in the portal; the firewall behind it still refuses.",
    remedy=MODE,
    severity="medium",
    dev="advisory",
    sources=(
        "CKV_AZURE_35",
        "CKV_AZURE_109",
        "Azure.Storage.Firewall (AZR-000202)",
        "Azure.KeyVault.Firewall (AZR-000355)",
        "Azure Policy 34c877ad-507e-4c82-993e-3452a6e0ad3c",
        "Azure Policy 55615ac9-af46-4a59-874e-391cc3dfb490",
    ),
    about=tuple(FIREWALL),
    check=_denies,
    passes=tuple(stack for each, path in FIREWALL.items() for stack in alone(each, _at(path, "Deny"))),
    fails=tuple(stack for each, path in FIREWALL.items() for stack in alone(each, _at(path, "Allow"), {})),
)

REACHABLE = Rule(
    id="network-endpoint",
    title="Every service has an address in the network, and a name there",
    why="A service that is closed outside and has no endpoint inside is reached by nobody; without the name, clients "
    "find the address that is closed.",
    remedy="Name it in reach_all of infra/program.py.",
    severity="high",
    dev="advisory",
    scope="stack",
    sources=(
        "CKV2_AZURE_33", "CKV2_AZURE_32", "Azure.AI.PrivateEndpoints (AZR-000283)",
        "Azure Policy 1c06e275-d63d-4540-b761-71f364c2111d",
        "Azure Policy 58440f8a-10c5-4151-bdce-dfbaad4a20b7",
        "Azure Policy 6edd7eda-6dd8-40f7-810d-67160c639cd9",
        "Azure Policy a6abeaec-4d90-4a02-805f-6b26c4d3fbe9",
        "Azure Policy d6759c02-b87f-42b7-892e-71b3f471d782",
    ),
    about=tuple(REACHED),
    check=_is_reached,
    passes=tuple(_reaching(each, *parts) for each, parts in REACHED.items()),
    fails=(
        *(_reaching(each) for each in REACHED),
        *(_reaching(each, *parts, of="/subscriptions/s/vaults/another") for each, parts in REACHED.items()),
        *(_reaching(each, *parts, named=False) for each, parts in REACHED.items()),
        _reaching(STORAGE, "blob"),
    ),
)  # fmt: skip

INSIDE = Rule(
    id="functions-in-network",
    title="Apps make their calls from inside the network",
    why="From outside they would not reach what is closed there; and what they call outside sees no fixed address.",
    remedy=MODE,
    severity="high",
    dev="advisory",
    sources=("Azure Policy 5e57f5ad-995a-485b-9f42-4748935ee5d9",),
    about=(APP,),
    check=_starts_inside,
    passes=alone(APP, {"virtualNetworkSubnetId": "/virtualNetworks/network/subnets/apps"}),
    fails=alone(APP, {}),
)

FEW = Rule(
    id="functions-few-may-knock",
    title="An app is reached from where somebody said, and from nowhere else",
    why="Sign-in stops who has no token; who cannot even knock finds no gap in it, and sends no load.",
    remedy=MODE,
    severity="medium",
    dev="advisory",
    sources=("CKV_AZURE_221", "CKV_AZURE_222", "Azure Policy 969ac98b-88a8-449f-883c-2e9adb123127"),
    about=(APP,),
    check=_lets_in_few,
    passes=alone(APP, {"publicNetworkAccess": "Disabled"}, _letting_in("ActionGroup", "203.0.113.0/24")),
    fails=alone(
        APP,
        {},
        {"publicNetworkAccess": "Enabled"},
        _letting_in("Any"),
        _letting_in("0.0.0.0/0"),
        _letting_in("AzureCloud"),
        _letting_in(main="Allow"),
        _letting_in(scm="Allow"),
        _letting_in(use_main=True),
    ),
)

GUARDED = Rule(
    id="subnet-guarded",
    title="A subnet has a security group, and no way out by default",
    why="What is in it could otherwise be reached from the rest of the network, and reach anything outside unseen.",
    remedy="Set network_security_group and default_outbound_access=False on the subnet.",
    severity="medium",
    sources=(
        "Azure.VNET.UseNSGs (AZR-000263)",
        "Azure.VNET.PrivateSubnet",
        "Azure Policy 7bca8353-aa3b-429b-904a-9229c4385837",
    ),
    about=(NETWORK,),
    check=_subnets_are_guarded,
    passes=alone(NETWORK, _subnet()),
    fails=alone(NETWORK, _subnet(networkSecurityGroup=None), _subnet(defaultOutboundAccess=None)),
)

WAY_OUT = Rule(
    id="subnet-way-out",
    title="Apps call outside from one known address",
    why="Without a NAT gateway they reach no channel and no model outside: every notification would wait.",
    remedy="Set nat_gateway on the subnet that is delegated to apps.",
    severity="medium",
    about=(NETWORK,),
    check=_apps_have_a_way_out,
    passes=alone(NETWORK, _subnet()),
    fails=alone(NETWORK, _subnet(natGateway=None)),
)

REFUSES = Rule(
    id="security-group-refuses",
    title="A security group refuses what it does not name",
    why="Azure's own last rules let in everything from the network and its peers; one wide rule lets in the internet.",
    remedy="End the inbound rules with one that denies all, and allow sources by name or range.",
    severity="medium",
    about=("network:NetworkSecurityGroup",),
    check=_refuses_the_rest,
    passes=alone("network:NetworkSecurityGroup", _guard(("Allow", "VirtualNetwork"), ("Deny", "*"))),
    fails=alone(
        "network:NetworkSecurityGroup",
        {},
        _guard(("Allow", "VirtualNetwork")),
        _guard(("Allow", "*"), ("Deny", "*")),
        _guard(("Allow", "Internet"), ("Deny", "*")),
    ),
)

RULES = (CLOSED, DENIES, REACHABLE, INSIDE, FEW, GUARDED, WAY_OUT, REFUSES)

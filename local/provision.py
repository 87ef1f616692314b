"""resource graph -> what the emulators hold, who may do what with it, and the settings of each app.

Nothing is decided here: entities, filters, containers, role assignments and settings are those that the Pulumi program
declares for the stack `local`. Only connections are put in: each app connects to the emulators under a key of its own,
which is granted what the graph's role assignments grant the app's identity, and no more.
"""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cosmos.auth import Grant as CosmosGrant
from local.cosmos.auth import Key as CosmosKey
from local.cosmos.auth import Principals as CosmosPrincipals
from local.graph import Graph, Resource
from local.host.sign_in import Door
from local.servicebus.auth import Grant as BusGrant
from local.servicebus.auth import Key as BusKey
from local.servicebus.auth import Principals as BusPrincipals
from local.servicebus.config import Config

BUS_ROLES = {
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "090c5cfd-751d-490a-894a-3ce6f1109419": "Azure Service Bus Data Owner",
}
COSMOS_ROLES = {
    "00000000-0000-0000-0000-000000000001": "Cosmos DB Built-in Data Reader",
    "00000000-0000-0000-0000-000000000002": "Cosmos DB Built-in Data Contributor",
}
"""Role definition ids of Azure's built-in roles, as role assignments name them."""
TOGETHER = "together"


@dataclass(frozen=True)
class Addresses:
    """Where the emulators listen, and the key that the model takes."""

    bus_port: int
    cosmos_port: int
    model_url: str
    model_key: str


@dataclass(frozen=True, eq=False)
class App:
    """One function app: its pattern, the key it connects under, its settings as the graph has them."""

    pattern: str
    key: str
    declared: Mapping[str, str]
    door: Door | None = None
    """Whom its HTTP functions let in; None where the platform guards nothing."""

    @property
    def asks(self) -> bool:
        """Whether it asks a model."""
        return "Model__small" in self.declared

    @property
    def http(self) -> bool:
        """Whether it has HTTP functions, which sign-in guards."""
        return self.door is not None

    @property
    def folder(self) -> str:
        """The name of the pattern's folder: apps in Azure have dashes where Python has underscores."""
        return self.pattern.replace("-", "_")

    def settings(self, at: Addresses) -> dict[str, str]:
        """The app settings, with the connections of this machine instead of Azure's."""
        kept = {name: value for name, value in self.declared.items() if not name.startswith(("ServiceBus", "Cosmos__"))}
        bus = f"Endpoint=sb://127.0.0.1:{at.bus_port};SharedAccessKeyName={self.pattern}"
        return {
            **kept,
            "ServiceBus": f"{bus};SharedAccessKey={self.key};UseDevelopmentEmulator=true;",
            "Cosmos": f"AccountEndpoint=http://127.0.0.1:{at.cosmos_port}/;AccountKey={self.key};",
            **({"Model__endpoint": at.model_url} if self.asks else {}),
        }


@dataclass(frozen=True)
class Plan:
    """All that the emulators need."""

    bus: Config
    bus_principals: BusPrincipals
    cosmos_principals: CosmosPrincipals
    containers: Mapping[str, tuple[Mapping[str, Any], ...]]
    """Container properties by database, as Cosmos DB's REST API takes them."""
    apps: tuple[App, ...]
    together: App
    """All apps in one process, which has one environment: under one key that may do what all of them may."""
    secrets: Mapping[str, str]
    """What the vault holds, by name."""
    models: frozenset[str]
    """The names under which the apps ask for a model."""


def plan(graph: Graph, keys: Mapping[str, str] | None = None) -> Plan:
    """What to provision. `keys` are kept from an earlier start, by pattern; missing ones are made up."""
    sites = graph.of_type("web:WebApp")
    identities = {site.name: _identity(graph, site) for site in sites}
    known = keys or {}
    doors = {auth.inputs["name"]: _door(auth) for auth in graph.of_type("web:WebAppAuthSettingsV2")}
    apps = tuple(
        App(site.name, known.get(site.name) or _new_key(), _settings(site), doors.get(site.outputs["name"]))
        for site in sites
    )
    together = App(
        TOGETHER,
        known.get(TOGETHER) or _new_key(),
        {name: value for app in reversed(apps) for name, value in app.declared.items()},
        next((app.door for app in apps if app.door), None),
    )
    bus = {app: _bus_grants(graph, identities[app.pattern]) for app in apps}
    bus[together] = tuple(dict.fromkeys(grant for grants in bus.values() for grant in grants))
    cosmos = {app: _cosmos_grants(graph, identities[app.pattern]) for app in apps}
    cosmos[together] = tuple(dict.fromkeys(grant for grants in cosmos.values() for grant in grants))
    return Plan(
        bus=_bus(graph),
        bus_principals=BusPrincipals(
            keys=tuple(BusKey(name=app.pattern, key=app.key, grants=may) for app, may in bus.items())
        ),
        cosmos_principals=CosmosPrincipals(
            keys=tuple(CosmosKey(name=app.pattern, key=app.key, grants=may) for app, may in cosmos.items())
        ),
        containers=_containers(graph),
        apps=apps,
        together=together,
        secrets={
            secret.inputs["secretName"]: str(secret.inputs["properties"]["value"])
            for secret in graph.of_type("keyvault:Secret")
        },
        models=frozenset(
            app.declared[setting]
            for app in apps
            for setting in ("Model__small", "Model__large", "Model__economy")
            if setting in app.declared
        ),
    )


def _new_key() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def _settings(site: Resource) -> dict[str, str]:
    return {setting["name"]: setting["value"] for setting in site.inputs["siteConfig"]["appSettings"]}


def _door(auth: Resource) -> Door | None:
    """Whom App Service authentication lets in, if it keeps anybody out."""
    if not (auth.inputs["platform"]["enabled"] and auth.inputs["globalValidation"]["requireAuthentication"]):
        return None
    entra = auth.inputs["identityProviders"]["azureActiveDirectory"]
    return Door(issuer=entra["registration"]["openIdIssuer"], audiences=tuple(entra["validation"]["allowedAudiences"]))


def _identity(graph: Graph, site: Resource) -> str:
    """The principal id of the identity that an app runs as."""
    return str(graph.by_id(site.inputs["identity"]["userAssignedIdentities"][0]).outputs["principalId"])


# -- Service Bus -------------------------------------------------------------------------------------------------------


def _bus(graph: Graph) -> Config:
    """The graph's entities in the format of Microsoft's emulator."""
    queues = [
        {"Name": queue.inputs["queueName"], "Properties": _renamed(queue, QUEUE)}
        for queue in graph.of_type("servicebus:Queue")
    ]
    topics = [
        {
            "Name": topic.inputs["topicName"],
            "Properties": _renamed(topic, TOPIC),
            "Subscriptions": [_subscription(graph, one) for one in _below(graph, "servicebus:Subscription", topic)],
        }
        for topic in graph.of_type("servicebus:Topic")
    ]
    return Config.model_validate({"UserConfig": {"Namespaces": [{"Queues": queues, "Topics": topics}]}})


COMMON = {"defaultMessageTimeToLive": "DefaultMessageTimeToLive"}
DUPLICATES = {
    "requiresDuplicateDetection": "RequiresDuplicateDetection",
    "duplicateDetectionHistoryTimeWindow": "DuplicateDetectionHistoryTimeWindow",
}
RECEIVING = {
    "lockDuration": "LockDuration",
    "maxDeliveryCount": "MaxDeliveryCount",
    "requiresSession": "RequiresSession",
    "deadLetteringOnMessageExpiration": "DeadLetteringOnMessageExpiration",
    "forwardTo": "ForwardTo",
    "forwardDeadLetteredMessagesTo": "ForwardDeadLetteredMessagesTo",
}
QUEUE = {**COMMON, **DUPLICATES, **RECEIVING}
TOPIC = {**COMMON, **DUPLICATES}
SUBSCRIPTION = {**COMMON, **RECEIVING}
FILTER = {
    "contentType": "ContentType",
    "correlationId": "CorrelationId",
    "label": "Label",
    "messageId": "MessageId",
    "replyTo": "ReplyTo",
    "replyToSessionId": "ReplyToSessionId",
    "sessionId": "SessionId",
    "to": "To",
    "properties": "Properties",
}


def _subscription(graph: Graph, subscription: Resource) -> dict[str, Any]:
    rules = [
        *_below(graph, "servicebus:Rule", subscription),
        *_below(graph, "servicebus:DefaultRule", subscription),
    ]
    return {
        "Name": subscription.inputs["subscriptionName"],
        "Properties": _renamed(subscription, SUBSCRIPTION),
        "Rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Resource) -> dict[str, Any]:
    inputs = rule.inputs
    name = inputs.get("ruleName", "Default")  # Config.json allows no `$`
    if inputs["filterType"] == "SqlFilter":
        properties = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": inputs["sqlFilter"]["sqlExpression"]}}
    else:
        wanted = inputs["correlationFilter"]
        correlation = {theirs: wanted[ours] for ours, theirs in FILTER.items() if ours in wanted}
        properties = {"FilterType": "Correlation", "CorrelationFilter": correlation}
    if action := inputs.get("action"):
        properties["Action"] = {"SqlExpression": action["sqlExpression"]}
    return {"Name": name, "Properties": properties}


def _renamed(resource: Resource, names: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: resource.inputs[ours] for ours, theirs in names.items() if ours in resource.inputs}


def _below(graph: Graph, kind: str, parent: Resource) -> list[Resource]:
    return [
        resource for resource in graph.of_type(kind) if resource.id.rpartition("/")[0].rpartition("/")[0] == parent.id
    ]


def _bus_grants(graph: Graph, principal: str) -> tuple[BusGrant, ...]:
    grants: list[BusGrant] = []
    for assignment in graph.of_type("authorization:RoleAssignment"):
        role = BUS_ROLES.get(assignment.inputs["roleDefinitionId"].rpartition("/")[2])
        if role and assignment.inputs["principalId"] == principal:
            _, _, path = assignment.inputs["scope"].partition("/Microsoft.ServiceBus/namespaces/")
            grants.append(BusGrant.model_validate({"role": role, "scope": _entity(path)}))
    return tuple(grants)


def _entity(path: str) -> str:
    """`ns/topics/t/subscriptions/s` -> `t/subscriptions/s`, `ns/queues/q` -> `q`, `ns` -> the namespace."""
    return "/".join(path.split("/")[2:])


# -- Cosmos DB ---------------------------------------------------------------------------------------------------------


def _containers(graph: Graph) -> dict[str, tuple[Mapping[str, Any], ...]]:
    return {
        database.inputs["databaseName"]: tuple(
            container.inputs["resource"] for container in _below(graph, "cosmosdb:SqlResourceSqlContainer", database)
        )
        for database in graph.of_type("cosmosdb:SqlResourceSqlDatabase")
    }


def _cosmos_grants(graph: Graph, principal: str) -> tuple[CosmosGrant, ...]:
    grants: list[CosmosGrant] = []
    for assignment in graph.of_type("cosmosdb:SqlResourceSqlRoleAssignment"):
        if assignment.inputs["principalId"] == principal:
            role = COSMOS_ROLES[assignment.inputs["roleDefinitionId"].rpartition("/")[2]]
            account = assignment.inputs["scope"].partition("/databaseAccounts/")[2]
            _, _, scope = account.partition("/")
            grants.append(CosmosGrant.model_validate({"role": role, "scope": f"/{scope}"}))
    return tuple(grants)

"""a resource graph -> the few facts that a person can review: who hears what, what is kept where, who may do what"""

from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from local.graph import Graph, Resource

ROLES = {
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "00000000-0000-0000-0000-000000000001": "Cosmos DB Built-in Data Reader",
    "00000000-0000-0000-0000-000000000002": "Cosmos DB Built-in Data Contributor",
}


REVIEWED = Path(__file__).parent / "expected" / "dev.yaml"
"""Written by a person: what a generated list would compare with itself."""

PROD = REVIEWED.with_name("prod.yaml")
SAME = "as in dev.yaml"
"""The sections that a review takes over from that of stack dev."""


def differences(graph: Graph) -> Sequence[str]:
    """The lines in which the program's dev and the review differ, as a unified diff; none if they agree."""
    return _compared(yaml.safe_load(REVIEWED.read_text("utf-8")), summarized(graph))


def differences_of_prod(graph: Graph) -> Sequence[str]:
    """As `differences`, for stack prod and what it has besides."""
    own, dev = (yaml.safe_load(file.read_text("utf-8")) for file in (PROD, REVIEWED))
    reviewed = {**{section: dev[section] for section in own.pop(SAME)}, **own}
    return _compared(reviewed, {**summarized(graph), **guarded(graph)})


def _compared(reviewed: object, declared: object) -> Sequence[str]:
    return list(unified_diff(_lines(reviewed), _lines(declared), "reviewed", "declared", lineterm=""))


def _lines(facts: object) -> list[str]:
    return yaml.safe_dump(facts, sort_keys=True, width=200).splitlines()


def summarized(graph: Graph) -> dict[str, Any]:
    return {
        "topics": {topic.inputs["topicName"]: _topic(topic) for topic in graph.of_type("servicebus:Topic")},
        "queues": {
            queue.inputs["queueName"]: {
                "duplicate detection": queue.inputs["requiresDuplicateDetection"],
                "expires": queue.inputs.get("defaultMessageTimeToLive", "never"),
                "expired": _expired(queue),
            }
            for queue in graph.of_type("servicebus:Queue")
        },
        "subscriptions": {
            _below(each.id, "topics"): _subscription(graph, each) for each in graph.of_type("servicebus:Subscription")
        },
        "containers": {
            each.inputs["containerName"]: _container(each) for each in graph.of_type("cosmosdb:SqlResourceSqlContainer")
        },
        "deployments": {
            each.inputs["deploymentName"]: _deployment(each) for each in graph.of_type("cognitiveservices:Deployment")
        },
        "roles": {
            identity.name: sorted(_roles_of(graph, identity))
            for identity in graph.of_type("managedidentity:UserAssignedIdentity")
        },
    }


def guarded(graph: Graph) -> dict[str, Any]:
    """Where things answer, what stays, who is told; an app's own endpoint and door belong to its pattern."""
    endpoints = graph.of_type("network:PrivateEndpoint")
    apps = {app.name for app in graph.of_type("web:WebApp")}
    return {
        "answers outside": sorted(
            each.name
            for each in graph.resources
            if not each.type.endswith(":WebApp") and "Enabled" in str(_public_access(each))
        ),
        "answers inside": {each.name: _leads_to(graph, each) for each in endpoints if each.name not in apps},
        "refuses to be deleted": sorted({each.type.partition(":")[2] for each in graph.resources if each.protect}),
        "alerts": {
            each.name: each.inputs["severity"]
            for each in (*graph.of_type("monitor:MetricAlert"), *graph.of_type("monitor:ScheduledQueryRule"))
            if not each.name.endswith("-answers")
        },
    }


def _public_access(resource: Resource) -> object:
    return resource.inputs.get("publicNetworkAccess") or resource.inputs.get("properties", {}).get(
        "publicNetworkAccess"
    )


def _leads_to(graph: Graph, endpoint: Resource) -> str:
    (connection,) = endpoint.inputs["privateLinkServiceConnections"]
    (part,) = connection["groupIds"]
    return f"{part} of {graph.by_id(connection['privateLinkServiceId']).name}"


def _topic(topic: Resource) -> dict[str, Any]:
    window = topic.inputs["duplicateDetectionHistoryTimeWindow"]
    return {
        "duplicate detection": window if topic.inputs["requiresDuplicateDetection"] else False,
        "expires": topic.inputs["defaultMessageTimeToLive"],
    }


def _subscription(graph: Graph, subscription: Resource) -> dict[str, Any]:
    rules = (*graph.of_type("servicebus:DefaultRule"), *graph.of_type("servicebus:Rule"))
    return {
        "sessions": subscription.inputs["requiresSession"],
        "lock": subscription.inputs["lockDuration"],
        "deliveries": subscription.inputs["maxDeliveryCount"],
        "expired": _expired(subscription),
        "dead letters to": subscription.inputs.get("forwardDeadLetteredMessagesTo", "its own queue"),
        **({"forwards to": subscription.inputs["forwardTo"]} if "forwardTo" in subscription.inputs else {}),
        "lets in": {
            rule.id.rpartition("/")[2]: filter_of(rule)
            for rule in rules
            if rule.id.startswith(f"{subscription.id}/rules/")
        },
    }


def _expired(entity: Resource) -> str:
    return "dead-letter" if entity.inputs.get("deadLetteringOnMessageExpiration") else "lost"


def filter_of(rule: Resource) -> dict[str, str]:
    """What a rule matches, and what it changes; without the flag about rule actions that the SDK fills in."""
    if "sqlFilter" in rule.inputs:
        action = rule.inputs.get("action", {}).get("sqlExpression", "nothing")
        return {"sql": rule.inputs["sqlFilter"]["sqlExpression"], "then": action}
    return {key: value for key, value in rule.inputs["correlationFilter"].items() if key != "requiresPreprocessing"}


def _container(container: Resource) -> dict[str, Any]:
    resource = container.inputs["resource"]
    (key,) = resource["partitionKey"]["paths"]
    seconds = resource.get("defaultTtl")
    lifetime = "never" if seconds is None else "as items say" if seconds == -1 else f"{seconds / 86400:g} days"
    policy = resource.get("indexingPolicy", {})
    indexing = {
        which: [each["path"] for each in policy[f"{which}dPaths"] if each["path"] != '/"_etag"/?']
        for which in ("include", "exclude")
        if policy
    }
    return {"partition key": key, "expires": lifetime, **({"indexing": indexing} if policy else {})}


def _deployment(deployment: Resource) -> str:
    model, sku = deployment.inputs["properties"]["model"], deployment.inputs["sku"]
    return f"{model['name']} {model['version']}, {sku['name']}, {sku['capacity']}k tokens per minute"


def _roles_of(graph: Graph, identity: Resource) -> list[str]:
    assignments = (
        *graph.of_type("authorization:RoleAssignment"),
        *graph.of_type("cosmosdb:SqlResourceSqlRoleAssignment"),
    )
    return [
        f"{ROLES[each.inputs['roleDefinitionId'].rpartition('/')[2]]} on {_what(each.inputs['scope'])}"
        for each in assignments
        if each.inputs["principalId"] == identity.outputs["principalId"]
    ]


def _what(scope: str) -> str:
    for kind in ("topics", "queues", "colls", "secrets"):
        if f"/{kind}/" in scope:
            return f"{kind}/{_below(scope, kind)}"
    provider, kind, _ = scope.split("/")[-3:]
    return f"the {kind} of {provider}"


def _below(resource_id: str, kind: str) -> str:
    return resource_id.partition(f"/{kind}/")[2].replace("/subscriptions/", "/")

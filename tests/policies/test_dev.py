"""stack dev keeps the rules; break one thing in it, and exactly the rule that guards it fails"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from infra.names import slug
from local.graph import evaluate
from policies.from_graph import resources
from policies.judge import Finding, in_context, judge
from policies.resources import Resource, Stack
from policies.roles import BROAD, RECEIVER
from policies.rule import tier_of
from policies.rules import RULES
from policies.waivers import Waivers
from services.kernel.topology import Container, Feed, Timer, Topology
from tests.policies.advice import ADVICE
from tests.policies.conftest import TODAY

Change = Callable[[Stack], Stack]


def failed(stack: Stack) -> list[Finding]:
    return [each for each in judge(stack, tier="dev", waivers=Waivers()) if each.result == "fail"]


def changed(stack: Stack, type_: str, name: str, change: Callable[[dict[str, Any]], object]) -> Stack:
    """A copy of the stack in which one resource has other inputs."""

    def with_change(resource: Resource) -> Resource:
        if (resource.type, resource.name) != (type_, name):
            return resource
        inputs = copy.deepcopy(dict(resource.inputs))
        change(inputs)
        return replace(resource, inputs=inputs)

    after = replace(stack, resources=tuple(map(with_change, stack.resources)))
    assert after != stack, f"there is no {type_} {name} to break"
    return after


def put(type_: str, name: str, values: Mapping[str, Any]) -> Change:
    """Set inputs by their paths; None takes one away."""

    def change(inputs: dict[str, Any]) -> None:
        for path, value in values.items():
            *above, last = path.split(".")
            place = inputs
            for key in above:
                place = place.setdefault(key, {})
            place.pop(last, None)
            if value is not None:
                place[last] = value

    return lambda stack: changed(stack, type_, name, change)


def setting(name: str, value: str | None) -> Change:
    def change(inputs: dict[str, Any]) -> None:
        others = [pair for pair in inputs["siteConfig"]["appSettings"] if pair["name"] != name]
        inputs["siteConfig"]["appSettings"] = others + ([{"name": name, "value": value}] if value is not None else [])

    return lambda stack: changed(stack, "web:WebApp", "inference", change)


def without(type_: str, name: str) -> Change:
    return lambda stack: replace(
        stack, resources=tuple(each for each in stack.resources if (each.type, each.name) != (type_, name))
    )


def with_pattern(**different: Any) -> Change:
    def change(stack: Stack) -> Stack:
        (inference,) = (each for each in stack.patterns if each.name == "inference")
        others = tuple(each for each in stack.patterns if each is not inference)
        return replace(stack, patterns=(replace(inference, **different), *others))

    return change


def with_host(**host: Mapping[str, Any] | str) -> Change:
    return lambda stack: replace(stack, hosts={**stack.hosts, "inference": {**stack.hosts["inference"], **host}})


def granted(role: str, scope_of: str) -> Change:
    """One role more for the identity of inference, on the same thing as another."""

    def change(stack: Stack) -> Stack:
        alike = next(each for each in stack.resources if each.name == scope_of)
        definition = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"
        more = replace(alike, name="one-more", inputs={**alike.inputs, "roleDefinitionId": definition})
        return replace(stack, resources=(*stack.resources, more))

    return change


def secret_in(type_: str, name: str, key: str) -> Change:
    return lambda stack: replace(
        stack,
        resources=tuple(
            replace(each, secrets=frozenset({key})) if (each.type, each.name) == (type_, name) else each
            for each in stack.resources
        ),
    )


SUBSCRIPTION = ("servicebus:Subscription", "data-changes-ai-processor")
TO = ("servicebus:DefaultRule", "data-changes-ai-processor-to")
APP = ("web:WebApp", "inference")
ROLE = "authorization:RoleAssignment"
KEY = "sk-made-up-made-up-made-up"
TWO_FEEDS = (
    Feed(Container("items", "entity_id"), "relay", "one"),
    Feed(Container("items", "entity_id"), "sweep", "one"),
)

EACH, ASKING = "each that the rule is about", "each app that asks a model"

BROKEN: list[tuple[str, str, Change]] = [
    ("service-bus-no-keys", "messaging", put("servicebus:Namespace", "messaging", {"disableLocalAuth": False})),
    ("service-bus-tls", "messaging", put("servicebus:Namespace", "messaging", {"minimumTlsVersion": "1.1"})),
    (
        "topic-detects-duplicates",
        "insights",
        put("servicebus:Topic", "insights", {"requiresDuplicateDetection": False}),
    ),
    ("subscription-keeps-expired", SUBSCRIPTION[1], put(*SUBSCRIPTION, {"deadLetteringOnMessageExpiration": None})),
    ("subscription-delivery-limit", SUBSCRIPTION[1], put(*SUBSCRIPTION, {"maxDeliveryCount": 25})),
    (
        "subscription-forwards-dead-letters",
        SUBSCRIPTION[1],
        put(*SUBSCRIPTION, {"forwardDeadLetteredMessagesTo": None}),
    ),
    ("subscription-filters", SUBSCRIPTION[1], put(*TO, {"filterType": "SqlFilter"})),
    ("dead-letters-kept", "dead-letters", put("servicebus:Queue", "dead-letters", {"defaultMessageTimeToLive": "P1D"})),
    (
        "dead-letters-kept",
        "dead-letters",
        put("servicebus:Queue", "dead-letters", {"requiresDuplicateDetection": True}),
    ),
    (
        "dead-letters-kept",
        "dead-letters",
        put("servicebus:Queue", "dead-letters", {"deadLetteringOnMessageExpiration": None}),
    ),
    ("door-keeps-unrouted", "data-changes", without("servicebus:Subscription", "data-changes-unrouted")),
    ("door-keeps-unrouted", "data-changes", without("servicebus:Rule", "data-changes-ai-processor-order_placed")),
    ("subscription-lock-fits-model", SUBSCRIPTION[1], put(*SUBSCRIPTION, {"lockDuration": "PT30S"})),
    ("subscription-lock-fits-model", SUBSCRIPTION[1], setting("Model__timeoutSeconds", "130")),
    ("subscription-lock-fits-model", SUBSCRIPTION[1], with_host(functionTimeout="00:01:00")),
    (
        "topic-window-covers-outbox",
        "insights",
        put("servicebus:Topic", "insights", {"duplicateDetectionHistoryTimeWindow": "PT5M"}),
    ),
    ("cosmos-no-keys", "documents", put("cosmosdb:DatabaseAccount", "documents", {"disableLocalAuth": False})),
    (
        "cosmos-no-metadata-keys",
        "documents",
        put("cosmosdb:DatabaseAccount", "documents", {"disableKeyBasedMetadataWriteAccess": None}),
    ),
    ("cosmos-tls", "documents", put("cosmosdb:DatabaseAccount", "documents", {"minimalTlsVersion": "Tls11"})),
    ("cosmos-continuous-backup", "documents", put("cosmosdb:DatabaseAccount", "documents", {"backupPolicy": None})),
    (
        "storage-soft-delete",
        "blobs",
        put("storage:BlobServiceProperties", "blobs", {"deleteRetentionPolicy.enabled": False}),
    ),
    ("storage-no-keys", "storage", put("storage:StorageAccount", "storage", {"allowSharedKeyAccess": True})),
    ("storage-no-local-users", "storage", put("storage:StorageAccount", "storage", {"isLocalUserEnabled": True})),
    ("storage-https", "storage", put("storage:StorageAccount", "storage", {"enableHttpsTrafficOnly": False})),
    ("storage-tls", "storage", put("storage:StorageAccount", "storage", {"minimumTlsVersion": "TLS1_1"})),
    ("storage-nothing-public", "storage", put("storage:StorageAccount", "storage", {"allowBlobPublicAccess": True})),
    ("storage-private-containers", "inference", put("storage:BlobContainer", "inference", {"publicAccess": "Blob"})),
    ("storage-one-tenant", "storage", put("storage:StorageAccount", "storage", {"allowCrossTenantReplication": True})),
    ("key-vault-roles", "vault", put("keyvault:Vault", "vault", {"properties.enableRbacAuthorization": False})),
    ("key-vault-soft-delete", "vault", put("keyvault:Vault", "vault", {"properties.enableSoftDelete": False})),
    ("functions-https", "inference", put(*APP, {"httpsOnly": False})),
    ("functions-tls", "inference", put(*APP, {"siteConfig.scmMinTlsVersion": "1.0"})),
    ("functions-no-remote-debugging", "inference", put(*APP, {"siteConfig.remoteDebuggingEnabled": True})),
    ("functions-no-cors-wildcard", "inference", put(*APP, {"siteConfig.cors": {"allowedOrigins": ["*"]}})),
    ("functions-identity", "inference", put(*APP, {"identity.type": "SystemAssigned"})),
    ("functions-identity", "inference", put(*APP, {"keyVaultReferenceIdentity": None})),
    (
        "functions-code-without-keys",
        "inference",
        put(*APP, {"functionAppConfig.deployment.storage.authentication": {"type": "StorageAccountConnectionString"}}),
    ),
    ("functions-no-legacy-settings", "inference", setting("FUNCTIONS_WORKER_RUNTIME", "python")),
    ("functions-no-legacy-settings", "inference", put(*APP, {"siteConfig.ftpsState": "Disabled"})),
    ("functions-publishing-off", "inference-scm", put("web:WebAppScmAllowed", "inference-scm", {"allow": True})),
    ("functions-no-publishing-passwords", "inference", without("web:WebAppFtpAllowed", "inference-ftp")),
    ("settings-no-secret", "inference", setting("Model__key", KEY)),
    ("settings-no-secret", "inference", secret_in(*APP, "siteConfig")),
    ("timers-have-schedules", "inference", setting("Schedule_sweep_outbox", None)),
    ("timers-have-schedules", "inference", with_pattern(timers=(Timer("forgotten", "0 * * * * *"),))),
    ("identity-exact-roles", "inference", without(ROLE, "inference-sends-insights")),
    ("identity-exact-roles", "inference", without("cosmosdb:SqlResourceSqlRoleAssignment", "inference-writes-items")),
    ("identity-exact-roles", "inference", put(ROLE, "inference-sends-insights", {"scope": "/subscriptions/s"})),
    ("identity-exact-roles", "inference", granted(RECEIVER, "inference-sends-insights")),
    ("identity-exact-roles", "inference", with_pattern(publishes=())),
    ("model-no-keys", "model", put("cognitiveservices:Account", "model", {"properties.disableLocalAuth": False})),
    ("model-pinned", "small", put("cognitiveservices:Deployment", "small", {"properties.versionUpgradeOption": None})),
    ("model-not-retiring", "small", put("cognitiveservices:Deployment", "small", {"properties.model.name": "gpt-4o"})),
    ("insights-no-keys", "insights", put("applicationinsights:Component", "insights", {"disableLocalAuth": False})),
    (
        "insights-in-workspace",
        "insights",
        put("applicationinsights:Component", "insights", {"workspaceResourceId": None}),
    ),
    ("logs-in-workspace", "vault", without("monitor:DiagnosticSetting", "vault-logs")),
    ("logs-in-workspace", "inference", without("monitor:DiagnosticSetting", "inference-logs")),
    ("logs-in-workspace", "messaging", put("monitor:DiagnosticSetting", "messaging-logs", {"workspaceId": None})),
    ("alert-acts", "faults", put("monitor:ScheduledQueryRule", "faults", {"actions.actionGroups": []})),
    ("alert-acts", "dead-letters", put("monitor:MetricAlert", "dead-letters", {"enabled": False})),
    ("alert-closes", "silence", put("monitor:ScheduledQueryRule", "silence", {"autoMitigate": False})),
    ("alert-query-pace", "faults", put("monitor:ScheduledQueryRule", "faults", {"evaluationFrequency": "PT1M"})),
    ("alert-dead-letters", "dead-letters", without("monitor:MetricAlert", "dead-letters")),
    ("alert-dead-letters", "dead-letters", without("monitor:MetricAlert", "native-dead-letters")),
    ("alert-backlog", EACH, without("monitor:ScheduledQueryRule", "backlog-age")),
    ("alert-backlog", EACH, without("monitor:ScheduledQueryRule", "backlog-depth")),
    ("alert-backlog", EACH, without("monitor:ScheduledQueryRule", "silence")),
    ("alert-throttling", "documents", without("monitor:MetricAlert", "cosmos-throttling")),
    ("alert-throttling", "model", without("monitor:MetricAlert", "model-throttling")),
    ("alert-failures", EACH, without("monitor:ScheduledQueryRule", "function-failures")),
    ("alert-failures", ASKING, without("monitor:ScheduledQueryRule", "fallback-share")),
    ("budget-set", "event-driven-ai-dev", without("consumption:Budget", "budget")),
    ("workspace-no-keys", "logs", put("operationalinsights:Workspace", "logs", {"features.disableLocalAuth": None})),
    ("tags", "messaging", put("servicebus:Namespace", "messaging", {"tags": {"stack": "dev"}})),
]


def test_stack_dev_breaks_no_rule_and_is_advised_on_what_costs_money(dev: Stack) -> None:
    assert {finding.rule.id for finding in failed(dev)} == ADVICE.keys()
    assert {finding.level for finding in failed(dev)} == {"advisory"}


@pytest.mark.parametrize(("rule", "resource", "change"), BROKEN, ids=[rule for rule, _, _ in BROKEN])
def test_what_is_broken_fails_its_rule_and_no_other(rule: str, resource: str, change: Change, dev: Stack) -> None:
    found = [finding for finding in failed(change(dev)) if finding.rule.id not in ADVICE]

    (about,) = {each.about for each in RULES if each.id == rule}
    several = {
        EACH: {each.name for each in dev.of_type(*about) if not each.get("forwardTo")},  # that one is kept, not heard
        ASKING: {slug(each.name) for each in dev.patterns if each.asks},
    }
    assert {finding.rule.id for finding in found} == {rule}
    assert {finding.resource.name for finding in found} == several.get(resource, {resource})
    assert all(finding.problems for finding in found)


def test_a_broad_role_is_also_one_too_many(dev: Stack) -> None:
    owner = next(role for role, name in BROAD.items() if name == "Owner")

    found = failed(granted(owner, "inference-sends-insights")(dev))

    assert {finding.rule.id for finding in found} - ADVICE.keys() == {"identity-no-broad-role", "identity-exact-roles"}


def test_a_change_feed_brings_a_wrong_prefix_and_roles_that_nobody_granted(dev: Stack) -> None:
    found = failed(with_pattern(feeds=TWO_FEEDS)(dev))

    assert {finding.rule.id for finding in found} - ADVICE.keys() == {"feed-own-leases", "identity-exact-roles"}


def test_a_subscription_without_a_filter_hears_what_the_door_keeps_too(dev: Stack) -> None:
    found = failed(without(*TO)(dev))

    assert {finding.rule.id for finding in found} - ADVICE.keys() == {"subscription-filters", "door-keeps-unrouted"}


def test_a_subscription_that_hears_another_s_retries_lets_the_door_s_rest_go_wrong_too(dev: Stack) -> None:
    found = failed(put(*TO, {"correlationFilter.to": "somebody-else"})(dev))

    assert {finding.rule.id for finding in found} - ADVICE.keys() == {
        "subscription-hears-retries",
        "door-keeps-unrouted",
    }


def test_a_secret_is_named_and_never_shown(dev: Stack) -> None:
    (finding,) = (each for each in failed(setting("Model__key", KEY)(dev)) if each.rule.id not in ADVICE)

    assert "Model__key" in finding.problems[0]
    assert KEY not in str(finding.problems)


def test_an_identity_without_a_topology_may_do_nothing(dev: Stack) -> None:
    stack = replace(dev, patterns=(Topology(name="another"),))

    findings = [each for each in failed(stack) if each.rule.id == "identity-exact-roles"]

    assert findings
    for finding in findings:
        assert "holds Azure Service Bus Data Sender on servicebus:Topic insights" in " ".join(finding.problems)


def test_sessions_need_no_forwarding(dev: Stack) -> None:
    unforwarded = put(*SUBSCRIPTION, {"forwardDeadLetteredMessagesTo": None})(dev)

    assert {
        finding.rule.id for finding in failed(put(*SUBSCRIPTION, {"requiresSession": True})(unforwarded))
    } == ADVICE.keys()


@pytest.mark.parametrize(
    ("today", "rules"),
    [
        (date(2026, 12, 1), set[str]()),
        (date(2027, 1, 4), set[str]()),
        (date(2027, 1, 5), {"model-not-retiring"}),
        (date(2027, 4, 1), {"model-not-retiring"}),
    ],
)
def test_the_models_of_stack_dev_are_good_until_two_months_before_the_first_retires(
    today: date, rules: set[str], dev: Stack
) -> None:
    found = failed(replace(dev, today=today))

    assert {finding.rule.id for finding in found} - ADVICE.keys() == rules


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_stacks_staging_and_prod_break_no_rule(name: str) -> None:
    stack = in_context(resources(evaluate(name)), Waivers(), TODAY)

    found = judge(stack, tier=tier_of(name), waivers=Waivers())

    assert {(each.rule.id, each.result) for each in found if each.result != "pass"} == set()
    assert {each.level for each in found} == {"mandatory"}


def test_in_prod_every_rule_is_mandatory(dev: Stack) -> None:
    stopping = {finding.rule.id for finding in judge(dev, tier="prod", waivers=Waivers()) if finding.stops}

    assert stopping == ADVICE.keys()

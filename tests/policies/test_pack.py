"""the pack as the engine loads it and asks it, before and after Azure has given names and ids"""

from dataclasses import replace

import pytest
import yaml
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, StackValidationPolicy
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE as UNKNOWN

from local.graph import ROOT, Graph, Resource
from policies.pack import NAME, policies
from policies.resources import Stack
from policies.roles import RECEIVER, SENDER
from policies.rule import tier_of
from policies.rules import RULES
from policies.waivers import Waivers
from tests.policies.advice import ADVICE
from tests.policies.engine import said

REFERENCES = {
    "authorization:RoleAssignment": ("principalId", "scope"),
    "consumption:Budget": ("scope",),
    "cosmosdb:SqlResourceSqlRoleAssignment": ("principalId", "scope", "roleDefinitionId"),
    "monitor:DiagnosticSetting": ("resourceUri", "workspaceId"),
    "servicebus:DefaultRule": ("topicName", "subscriptionName"),
    "servicebus:Rule": ("topicName", "subscriptionName"),
    "servicebus:Subscription": ("topicName", "forwardDeadLetteredMessagesTo", "forwardTo"),
    "web:WebAppAuthSettingsV2": ("name",),
    "web:WebAppFtpAllowed": ("name",),
    "web:WebAppScmAllowed": ("name",),
}
"""What only another resource's outputs tell: unknown in the preview of a stack that is not there yet."""


@pytest.fixture(scope="session")
def preview(dev: Stack, graph: Graph) -> Stack:
    """Stack dev before its first deployment: no outputs, and no input that is somebody else's output."""
    nodes = {each.urn: each for each in graph.resources}
    resources = []
    for resource in dev.resources:
        unknown = [key for key in REFERENCES.get(resource.type, ()) if key in resource.inputs]
        comes_from = {key: _sources(nodes, resource.urn, str(resource.inputs[key])) for key in unknown}
        resources.append(
            replace(
                resource,
                inputs={**resource.inputs, **dict.fromkeys(unknown, UNKNOWN)},
                outputs={"principalId": UNKNOWN, "name": UNKNOWN},
                comes_from=comes_from,
            )
        )
    return replace(dev, resources=tuple(resources))


def _sources(nodes: dict[str, Resource], urn: str, value: str) -> tuple[str, ...]:
    """Of what a resource depends on, that which gave the value."""
    above = (nodes[each] for each in nodes[urn].depends_on)
    given = {
        each.urn: [each.id, each.outputs.get("name"), each.outputs.get("principalId"), each.inputs.get("containerName")]
        for each in above
    }
    exact = tuple(each for each, values in given.items() if value in values)
    return exact or tuple(each for each, values in given.items() if any(part and part in value for part in values))


def test_the_engine_hears_of_a_deployed_stack_what_the_table_shows(dev: Stack) -> None:
    assert {policy for policy, _ in said(dev)} == ADVICE.keys()


def test_in_a_preview_only_the_roles_cannot_be_judged_to_the_end(preview: Stack) -> None:
    reports = said(preview)

    assert {policy for policy, _ in reports} - ADVICE.keys() == {"identity-exact-roles"}
    assert (
        "identity-exact-roles",
        "can't run: string value at .roleDefinitionId can't be known during preview",
    ) in reports


def test_in_a_preview_a_role_too_many_is_seen_all_the_same(preview: Stack) -> None:
    sender = next(each for each in preview.resources if each.name == "inference-sends-insights")
    receiver = sender.get("roleDefinitionId").replace(SENDER, RECEIVER)
    more = replace(sender, name="one-more", urn="one-more", inputs={**sender.inputs, "roleDefinitionId": receiver})

    reports = said(replace(preview, resources=(*preview.resources, more)))

    message = (
        "inference: holds Azure Service Bus Data Receiver on servicebus:Topic insights, which its topology does not"
    )
    assert any(report.startswith(message) for policy, report in reports if policy == "identity-exact-roles")


@pytest.mark.parametrize(
    ("rule", "type_", "name"),
    [
        ("subscription-filters", "servicebus:DefaultRule", "data-changes-ai-processor-to"),
        ("door-keeps-unrouted", "servicebus:Subscription", "data-changes-unrouted"),
        ("functions-no-publishing-passwords", "web:WebAppFtpAllowed", "inference-ftp"),
    ],
)
def test_in_a_preview_what_is_missing_is_missed_though_nothing_has_a_name(
    rule: str, type_: str, name: str, preview: Stack
) -> None:
    left = tuple(each for each in preview.resources if (each.type, each.name) != (type_, name))

    assert rule in {policy for policy, _ in said(replace(preview, resources=left))}


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_every_rule_is_a_policy_with_all_that_the_engine_shows(tier: str) -> None:
    pack = policies(tier, Waivers())

    assert [policy.name for policy in pack] == [rule.id for rule in RULES]
    for policy, rule in zip(pack, RULES, strict=True):
        assert isinstance(policy, ResourceValidationPolicy if rule.scope == "resource" else StackValidationPolicy)
        assert policy.enforcement_level is EnforcementLevel(rule.level(tier))
        assert policy.severity.value == rule.severity
        assert policy.remediation_steps == rule.remedy
        assert (policy.config_schema is not None) == rule.dated


@pytest.mark.parametrize(("stack", "tier"), [("dev", "dev"), ("local", "dev"), ("prod", "prod"), ("anything", "prod")])
def test_a_stack_is_held_to_prod_unless_it_says_otherwise(stack: str, tier: str) -> None:
    assert tier_of(stack) == tier


def test_the_engine_finds_the_pack_and_the_interpreter_of_the_root() -> None:
    described = yaml.safe_load((ROOT / "policies" / "PulumiPolicy.yaml").read_text())

    assert described["name"] == NAME
    assert described["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "../.venv"}}

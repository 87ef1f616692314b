"""what holds data or is paid for: protected, marked with whose it is, its bill watched"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.naming import refers
from policies.resources import Resource, Stack, Unknown
from policies.rule import EXAMPLE_DAY, Rule, alone

KEEPERS = ("cosmosdb:DatabaseAccount", "servicebus:Namespace", "keyvault:Vault")
TAGGED = (
    "resources:ResourceGroup",
    "applicationinsights:Component",
    "cognitiveservices:Account",
    "cosmosdb:DatabaseAccount",
    "keyvault:Vault",
    "managedidentity:UserAssignedIdentity",
    "network:NatGateway",
    "network:NetworkSecurityGroup",
    "network:PrivateEndpoint",
    "network:PublicIPAddress",
    "network:VirtualNetwork",
    "operationalinsights:Workspace",
    "privatedns:PrivateZone",
    "servicebus:Namespace",
    "storage:StorageAccount",
    "web:AppServicePlan",
    "web:WebApp",
)
TAGS = ("project", "stack")
GROUP, BUDGET = "resources:ResourceGroup", "consumption:Budget"


def _is_protected(resource: Resource, _: Stack) -> Iterator[str]:
    if not resource.protect:
        yield "protect is false"


def _is_tagged(resource: Resource, _: Stack) -> Iterator[str]:
    tags = resource.mapping("tags")
    if missing := [tag for tag in TAGS if tag not in tags]:
        yield f"tags has no {' and no '.join(missing)}"


def _bill_is_told(group: Resource, stack: Stack) -> Iterator[str]:
    budgets = [each for each in stack.of_type(BUDGET) if refers(each, "scope", group, stack)]
    if not any(_is_heard(each) for each in budgets):
        yield "no budget tells anybody what it costs"


def _is_heard(budget: Resource) -> bool:
    return any(
        each.get("enabled") and any(_is_there(each, f"contact{who}") for who in ("Groups", "Emails", "Roles"))
        for each in budget.objects("notifications")
    )


def _is_there(values: Mapping[str, Any], key: str) -> bool:
    """Whether something is there, if only not known yet."""
    try:
        return bool(values.get(key))
    except Unknown:
        return True


def _budget(**notification: Any) -> Resource:
    return Resource(BUDGET, "budget", {"scope": "/resourceGroups/mine", "notifications": {"all": notification}})


def _spending(*budgets: Resource) -> Stack:
    return Stack((Resource(GROUP, "mine", {"resourceGroupName": "mine"}), *budgets), EXAMPLE_DAY)


PROTECTED = Rule(
    id="data-is-protected",
    title="What holds data refuses to be deleted",
    why="A `pulumi destroy` in the wrong terminal, or a change that replaces the account, would take the data with it.",
    remedy="Run `pulumi config set protectData true`.",
    severity="high",
    dev="advisory",
    about=KEEPERS,
    check=_is_protected,
    passes=tuple(stack for type_ in KEEPERS for stack in alone(type_, {}, protect=True)),
    fails=tuple(stack for type_ in KEEPERS for stack in alone(type_, {})),
)

TAGS_SET = Rule(
    id="tags",
    title="Everything that costs something says whose it is",
    why="Costs, owners and leftovers of a deleted stack are found by tag.",
    remedy="Pass tags=place.tags, which has project and stack.",
    severity="low",
    sources=("Azure.Resource.UseTags (AZR-000166)", "Azure Policy 871b6d14-10aa-478d-b590-94f262ecfa99"),
    about=TAGGED,
    check=_is_tagged,
    passes=tuple(stack for type_ in TAGGED for stack in alone(type_, {"tags": dict.fromkeys(TAGS, "example")})),
    fails=tuple(stack for type_ in TAGGED for stack in alone(type_, {}, {"tags": {"project": "example"}})),
)

BILL_TOLD = Rule(
    id="budget-set",
    title="Somebody is told what it costs before the bill comes",
    why="A loop that asks the model, or a log that fills, costs in a night what was planned for a year.",
    remedy="Run `pulumi config set cost:monthlyBudget 300` and `pulumi config set cost:budgetStart 2026-12-01`.",
    severity="medium",
    dev="advisory",
    scope="stack",
    about=(GROUP,),
    check=_bill_is_told,
    passes=(
        _spending(_budget(enabled=True, contactGroups=["/actionGroups/on-call"])),
        _spending(_budget(enabled=True, contactEmails=["oncall@example.com"])),
    ),
    fails=(
        _spending(),
        _spending(_budget(enabled=True, contactGroups=[], contactEmails=[])),
        _spending(_budget(enabled=False, contactEmails=["oncall@example.com"])),
    ),
)

RULES = (PROTECTED, TAGS_SET, BILL_TOLD)

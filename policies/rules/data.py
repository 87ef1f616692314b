"""what holds data or is paid for: protected, and marked with whose it is"""

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Rule, alone

KEEPERS = ("cosmosdb:DatabaseAccount", "servicebus:Namespace", "keyvault:Vault")
TAGGED = (
    "resources:ResourceGroup",
    "applicationinsights:Component",
    "cognitiveservices:Account",
    "cosmosdb:DatabaseAccount",
    "keyvault:Vault",
    "managedidentity:UserAssignedIdentity",
    "operationalinsights:Workspace",
    "servicebus:Namespace",
    "storage:StorageAccount",
    "web:AppServicePlan",
    "web:WebApp",
)
TAGS = ("project", "stack")


def _is_protected(resource: Resource, _: Stack) -> Iterator[str]:
    if not resource.protect:
        yield "protect is false"


def _is_tagged(resource: Resource, _: Stack) -> Iterator[str]:
    tags = resource.mapping("tags")
    if missing := [tag for tag in TAGS if tag not in tags]:
        yield f"tags has no {' and no '.join(missing)}"


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

RULES = (PROTECTED, TAGS_SET)

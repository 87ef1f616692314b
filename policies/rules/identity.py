"""what each identity may do, compared with what its pattern declares: no right more, none less"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from policies.naming import label_at
from policies.resources import Resource, Stack, Unknown
from policies.roles import BLOB_OWNER, BROAD, METRICS_PUBLISHER, RECEIVER, SENDER, TABLE_CONTRIBUTOR, role_id, role_name
from policies.rule import EXAMPLE_DAY, Rule, alone
from services.kernel.access import Right, grants
from services.kernel.topology import Container, Queue, Subscription, Topic, Topology

IDENTITY = "managedidentity:UserAssignedIdentity"
AZURE, COSMOS = "authorization:RoleAssignment", "cosmosdb:SqlResourceSqlRoleAssignment"
MODEL_KEY = "model-key"
"""What infra/model.py calls the secret that holds a model's key."""

HOST = (
    "Storage Blob Data Owner on storage:StorageAccount",
    "Storage Table Data Contributor on storage:StorageAccount",
    "Monitoring Metrics Publisher on applicationinsights:Component",
)
"""Locks, keys and code; diagnostics; telemetry. Source: Azure Functions, identity-based connections of the host."""

RIGHTS: Mapping[Right, str] = {
    "send": "Azure Service Bus Data Sender",
    "receive": "Azure Service Bus Data Receiver",
    "read": "Cosmos DB Built-in Data Reader",
    "write": "Cosmos DB Built-in Data Contributor",
}


def _holds_exactly(identity: Resource, stack: Stack) -> Iterator[str]:
    pattern = stack.pattern_of(identity)
    wanted = Counter(_wanted(pattern, stack) if pattern else ())
    held: Counter[str] = Counter()
    unknown: Unknown | None = None
    for assignment in stack.of_type(AZURE, COSMOS):
        try:
            if _is_granted_to(identity, assignment):
                held[f"{role_name(assignment.get('roleDefinitionId'))} on {label_at(assignment, 'scope', stack)}"] += 1
        except Unknown as error:
            unknown = error
    for extra in held - wanted:
        yield f"holds {extra}, which its topology does not need"
    if unknown:  # a role that is missing cannot be told from one that is not known yet
        raise unknown
    for missing in wanted - held:
        yield f"lacks {missing}"


def _wanted(pattern: Topology, stack: Stack) -> Iterator[str]:
    yield from HOST
    for grant in grants(pattern):
        yield f"{RIGHTS[grant.right]} on {_declared(grant.on)}"
    secrets = set(pattern.secrets)
    if pattern.asks and stack.of_type("cognitiveservices:Account"):
        yield "Cognitive Services OpenAI User on cognitiveservices:Account"
    elif pattern.asks:
        secrets.add(MODEL_KEY)
    yield from (f"Key Vault Secrets User on keyvault:Secret {secret}" for secret in sorted(secrets))


def _declared(entity: Topic | Queue | Subscription | Container) -> str:
    """As `policies.naming.label` calls the resource that was built for it."""
    match entity:
        case Topic():
            return f"servicebus:Topic {entity.name}"
        case Queue():
            return f"servicebus:Queue {entity.name}"
        case Subscription():
            return f"servicebus:Subscription {entity.topic.name}/{entity.name}"
        case Container():
            return f"cosmosdb:SqlResourceSqlContainer {entity.name}"


def _is_granted_to(identity: Resource, assignment: Resource) -> bool:
    try:
        return assignment.get("principalId") == identity.outputs.get("principalId")
    except Unknown:
        return identity.urn in assignment.comes_from.get("principalId", ())


def _not_broad(assignment: Resource, _: Stack) -> Iterator[str]:
    if broad := BROAD.get(role_id(assignment.get("roleDefinitionId"))):
        yield f"roleDefinitionId is {broad}"


def _assigned(role: str) -> dict[str, Any]:
    return {"roleDefinitionId": f"/subscriptions/example/providers/Microsoft.Authorization/roleDefinitions/{role}"}


def _publisher_of_insights(*held: tuple[str, str]) -> Stack:
    """An identity with what its host needs and the roles that it holds besides: (role, end of the scope)."""
    host = (
        (BLOB_OWNER, "/storageAccounts/store"),
        (TABLE_CONTRIBUTOR, "/storageAccounts/store"),
        (METRICS_PUBLISHER, "/components/traces"),
    )
    return Stack(
        (
            Resource("storage:StorageAccount", "storage", {"accountName": "store"}),
            Resource("applicationinsights:Component", "insights", {"resourceName": "traces"}),
            Resource("servicebus:Topic", "insights", {"namespaceName": "bus", "topicName": "insights"}),
            Resource(IDENTITY, "example", {}, {"principalId": "somebody"}),
            *(
                Resource(AZURE, f"role-{n}", {**_assigned(role), "scope": scope, "principalId": "somebody"})
                for n, (role, scope) in enumerate((*host, *held))
            ),
        ),
        EXAMPLE_DAY,
        (Topology(name="example", publishes=(Topic("insights"),)),),
    )


INSIGHTS = "/namespaces/bus/topics/insights"

EXACT = Rule(
    id="identity-exact-roles",
    title="An identity holds exactly the roles that its topology needs",
    why="A right too many is what an attacker gains with the service; a right too few is a service that does nothing.",
    remedy="Declare what the pattern uses in its topology.py, and grant nothing outside infra/pattern_service.py.",
    severity="high",
    scope="stack",
    about=(IDENTITY,),
    check=_holds_exactly,
    passes=(_publisher_of_insights((SENDER, INSIGHTS)),),
    fails=(
        _publisher_of_insights(),
        _publisher_of_insights((SENDER, "/namespaces/bus")),
        _publisher_of_insights((SENDER, INSIGHTS), (RECEIVER, INSIGHTS)),
        _publisher_of_insights((SENDER, INSIGHTS), (SENDER, "/namespaces/another/topics/insights")),
    ),
)

NOT_BROAD = Rule(
    id="identity-no-broad-role",
    title="No service administers anything",
    why="An owner or contributor can grant itself every other right; a data owner reads and deletes what others own.",
    remedy="Grant a data role on the very entity; where a service must administer, waive this with a reason.",
    severity="critical",
    about=(AZURE,),
    check=_not_broad,
    passes=alone(AZURE, _assigned(SENDER), _assigned(BLOB_OWNER)),
    fails=alone(AZURE, *map(_assigned, BROAD)),
)

RULES = (EXACT, NOT_BROAD)

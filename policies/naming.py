"""the id or name that one resource holds of another -> that other resource, also while Azure has not named it yet"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from policies.resources import Resource, Stack, Unknown
from services.kernel.topology import Topology


@dataclass(frozen=True)
class Kind:
    """How ids of a type end: kinds and, for each, the input that holds the name. `shown` are those that tell apart."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    shown: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "applicationinsights:Component": Kind(("components",), ("resourceName",)),
    "cognitiveservices:Account": Kind(("accounts",), ("accountName",)),
    "cosmosdb:DatabaseAccount": Kind(("databaseAccounts",), ("accountName",)),
    "cosmosdb:SqlResourceSqlDatabase": Kind(("databaseAccounts", "dbs"), ("accountName", "databaseName")),
    "cosmosdb:SqlResourceSqlContainer": Kind(
        ("databaseAccounts", "dbs", "colls"), ("accountName", "databaseName", "containerName"), ("containerName",)
    ),
    "keyvault:Secret": Kind(("vaults", "secrets"), ("vaultName", "secretName"), ("secretName",)),
    "keyvault:Vault": Kind(("vaults",), ("vaultName",)),
    "monitor:ActionGroup": Kind(("actionGroups",), ("actionGroupName",)),
    "network:NetworkSecurityGroup": Kind(("networkSecurityGroups",), ("networkSecurityGroupName",)),
    "network:VirtualNetwork": Kind(("virtualNetworks",), ("virtualNetworkName",)),
    "operationalinsights:Workspace": Kind(("workspaces",), ("workspaceName",)),
    "resources:ResourceGroup": Kind(("resourceGroups",), ("resourceGroupName",)),
    "servicebus:Namespace": Kind(("namespaces",), ("namespaceName",)),
    "servicebus:Queue": Kind(("namespaces", "queues"), ("namespaceName", "queueName"), ("queueName",)),
    "servicebus:Subscription": Kind(
        ("namespaces", "topics", "subscriptions"),
        ("namespaceName", "topicName", "subscriptionName"),
        ("topicName", "subscriptionName"),
    ),
    "servicebus:Topic": Kind(("namespaces", "topics"), ("namespaceName", "topicName"), ("topicName",)),
    "storage:BlobServiceProperties": Kind(("storageAccounts", "blobServices"), ("accountName", "blobServicesName")),
    "storage:StorageAccount": Kind(("storageAccounts",), ("accountName",)),
    "web:WebApp": Kind(("sites",), ("name",)),
}
"""What a role can be granted on, or something else point to. Cosmos DB's scopes say dbs and colls, unlike its ids."""


def name_at(resource: Resource, key: str, stack: Stack) -> str | None:
    """The name that an input holds, if any; while that is unknown, the own name of what it comes from.

    Raises:
        Unknown: if that has no name yet either.
    """
    try:
        name = resource.get(key)
    except Unknown:
        source = _source(resource, key, stack)
        if source is None:
            raise
        return name_at(source, KINDS[source.type].names[-1], stack)
    return name if isinstance(name, str) else None


def listeners(subscription: Resource, stack: Stack) -> Iterator[Topology]:
    """The patterns that declare to listen here; none where messages are only kept or forwarded.

    Raises:
        Unknown: as `name_at`.
    """
    names = [name_at(subscription, key, stack) for key in ("topicName", "subscriptionName")]
    for pattern in stack.patterns:
        if any([each.topic.name, each.name] == names for each in pattern.listens):
            yield pattern


def filters_of(subscription: Resource, stack: Stack, *types: str) -> list[Resource]:
    """The rules of these types that let messages into a subscription.

    Raises:
        Unknown: as `name_at`.
    """
    keys = ("topicName", "subscriptionName")
    own = [name_at(subscription, key, stack) for key in keys]
    return [each for each in stack.of_type(*types) if [name_at(each, key, stack) for key in keys] == own]


def label(resource: Resource, stack: Stack) -> str:
    """Type and names; of an account the type alone, for a stack has one, and Pulumi makes its name up.

    Raises:
        Unknown: if a name is not known yet.
    """
    names = "/".join(str(name_at(resource, key, stack)) for key in KINDS[resource.type].shown)
    return f"{resource.type} {names}".rstrip()


def label_at(resource: Resource, key: str, stack: Stack) -> str:
    """The label of what the id in an input names, or the id itself if the stack has no such thing.

    Raises:
        Unknown: if neither the id is known yet nor what it comes from.
    """
    try:
        identifier = str(resource.get(key))
    except Unknown:
        source = _source(resource, key, stack)
        if source is None:
            raise
        return label(source, stack)
    named = (each for each in stack.of_type(*KINDS) if _names(identifier, each, stack))
    return next((label(each, stack) for each in named), identifier)


def refers(resource: Resource, key: str, target: Resource, stack: Stack) -> bool:
    """Whether the id in an input is that of a resource; while it is unknown, whether it was computed from it."""
    return refers_by(lambda: resource.get(key), resource, key, target, stack)


def refers_by(read: Callable[[], object], resource: Resource, key: str, target: Resource, stack: Stack) -> bool:
    """As `refers`, of an id that stands deeper in an input; `read` gets it."""
    try:
        return _names(str(read()), target, stack)
    except Unknown:
        return target.urn in resource.comes_from.get(key, ())


def _source(resource: Resource, key: str, stack: Stack) -> Resource | None:
    """What an input was computed from: the innermost, where that was several, as with account and container."""
    urns = resource.comes_from.get(key, ())
    sources = (each for each in stack.of_type(*KINDS) if each.urn in urns)
    return max(sources, key=lambda each: len(KINDS[each.type].names), default=None)


def _names(identifier: str, resource: Resource, stack: Stack) -> bool:
    kind = KINDS[resource.type]
    try:
        *above, own = (name_at(resource, key, stack) for key in kind.names)
        parts = (*above, own or resource.outputs.get("name"))  # where the program gives none, Pulumi makes one up
    except Unknown:
        return False
    tail = "".join(f"/{each}/{name}" for each, name in zip(kind.kinds, parts, strict=True))
    return identifier.casefold().endswith(tail.casefold())

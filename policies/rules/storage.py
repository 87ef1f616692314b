"""the account of the function hosts, which holds their code: no keys, nothing public"""

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Rule, alone, is_off, is_on, requires


def _is_recoverable(service: Resource, stack: Stack) -> Iterator[str]:
    for path in ("deleteRetentionPolicy.enabled", "containerDeleteRetentionPolicy.enabled"):
        yield from is_on(path)(service, stack)


NO_KEYS = Rule(
    id="storage-no-keys",
    title="Storage takes identities only",
    why="Who has the account key can replace the code of every service.",
    remedy="Set allow_shared_key_access=False on the storage account.",
    severity="high",
    sources=("CKV2_AZURE_40", "Azure.Storage.LocalAuth", "Azure Policy 8c6a50c6-9ffd-4ae7-986f-5fa6111f9a54"),
    about=("storage:StorageAccount",),
    check=is_off("allowSharedKeyAccess"),
    passes=alone("storage:StorageAccount", {"allowSharedKeyAccess": False}),
    fails=alone("storage:StorageAccount", {"allowSharedKeyAccess": True}, {}),
)

NO_LOCAL_USERS = Rule(
    id="storage-no-local-users",
    title="Storage has no users of its own",
    why="Local users sign in over SFTP with passwords that no directory knows.",
    remedy="Set is_local_user_enabled=False on the storage account.",
    severity="medium",
    sources=("CKV_AZURE_244",),
    about=("storage:StorageAccount",),
    check=is_off("isLocalUserEnabled"),
    passes=alone("storage:StorageAccount", {"isLocalUserEnabled": False}),
    fails=alone("storage:StorageAccount", {"isLocalUserEnabled": True}, {}),
)

HTTPS = Rule(
    id="storage-https",
    title="Storage is reached over HTTPS only",
    why="Over plain HTTP, tokens and code can be read on the way.",
    remedy="Set enable_https_traffic_only=True on the storage account.",
    severity="high",
    sources=(
        "CKV_AZURE_3",
        "Azure.Storage.SecureTransfer (AZR-000196)",
        "Azure Policy 404c3081-a854-4457-ae30-26a93ef643f9",
    ),
    about=("storage:StorageAccount",),
    check=is_on("enableHttpsTrafficOnly"),
    passes=alone("storage:StorageAccount", {"enableHttpsTrafficOnly": True}),
    fails=alone("storage:StorageAccount", {"enableHttpsTrafficOnly": False}, {}),
)

TLS = Rule(
    id="storage-tls",
    title="Storage speaks TLS 1.2 or newer",
    why="Older versions have known attacks.",
    remedy='Set minimum_tls_version="TLS1_2" on the storage account.',
    severity="high",
    sources=(
        "CKV_AZURE_44",
        "Azure.Storage.MinTLS (AZR-000200)",
        "Azure Policy fe83a0eb-a853-422d-aac2-1bffd182c5d0",
    ),
    about=("storage:StorageAccount",),
    check=requires("minimumTlsVersion", "TLS1_2", "TLS1_3"),
    passes=alone("storage:StorageAccount", {"minimumTlsVersion": "TLS1_2"}),
    fails=alone("storage:StorageAccount", {"minimumTlsVersion": "TLS1_0"}, {}),
)

NOTHING_PUBLIC = Rule(
    id="storage-nothing-public",
    title="No blob can be made public",
    why="The account holds code and the hosts' keys; one careless container would publish them.",
    remedy="Set allow_blob_public_access=False on the storage account.",
    severity="high",
    sources=(
        "CKV_AZURE_190",
        "CKV2_AZURE_47",
        "Azure.Storage.BlobPublicAccess (AZR-000198)",
        "Azure Policy 4fa4b6c0-31ca-4c0d-b10d-24b96f62a751",
    ),
    about=("storage:StorageAccount",),
    check=is_off("allowBlobPublicAccess"),
    passes=alone("storage:StorageAccount", {"allowBlobPublicAccess": False}),
    fails=alone("storage:StorageAccount", {"allowBlobPublicAccess": True}, {}),
)

PRIVATE_CONTAINERS = Rule(
    id="storage-private-containers",
    title="Blob containers are private",
    why="A public container shows the services' code to everyone.",
    remedy='Set public_access="None" on the container.',
    severity="high",
    sources=("CKV_AZURE_34", "Azure.Storage.BlobAccessType (AZR-000199)"),
    about=("storage:BlobContainer",),
    check=requires("publicAccess", "None"),
    passes=alone("storage:BlobContainer", {"publicAccess": "None"}),
    fails=alone("storage:BlobContainer", {"publicAccess": "Container"}, {"publicAccess": "Blob"}, {}),
)

NO_REPLICATION_ABROAD = Rule(
    id="storage-one-tenant",
    title="Blobs are not replicated to other tenants",
    why="Whoever may write to the account could copy it to a tenant of their own.",
    remedy="Set allow_cross_tenant_replication=False on the storage account.",
    severity="medium",
    sources=("Azure Policy 92a89a79-6c52-4a7e-a03f-61306fc49312",),
    about=("storage:StorageAccount",),
    check=is_off("allowCrossTenantReplication"),
    passes=alone("storage:StorageAccount", {"allowCrossTenantReplication": False}),
    fails=alone("storage:StorageAccount", {"allowCrossTenantReplication": True}, {}),
)

REPLICATED = Rule(
    id="storage-zones",
    title="Storage survives the loss of a zone",
    why="The hosts of all services start from this account; without it none runs, in whatever zone it is.",
    remedy="Run `pulumi config set storage:sku Standard_ZRS`, or Standard_GZRS.",
    severity="medium",
    dev="advisory",
    sources=(
        "CKV_AZURE_206",
        "Azure.Storage.UseReplication (AZR-000195)",
        "Azure Policy bf045164-79ba-4215-8f95-f8048dc1780b",
    ),
    about=("storage:StorageAccount",),
    check=requires("sku.name", "Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS"),
    passes=alone("storage:StorageAccount", {"sku": {"name": "Standard_ZRS"}}),
    fails=alone("storage:StorageAccount", {"sku": {"name": "Standard_LRS"}}, {"sku": {"name": "Standard_GRS"}}),
)

SOFT_DELETE = Rule(
    id="storage-soft-delete",
    title="Deleted blobs and containers can be brought back",
    why="The account holds the code that runs and the keys of its hosts; a mistaken delete stops every service.",
    remedy="Enable delete_retention_policy and container_delete_retention_policy in BlobServiceProperties.",
    severity="medium",
    sources=("CKV2_AZURE_38", "Azure.Storage.SoftDelete (AZR-000197)", "Azure.Storage.ContainerSoftDelete"),
    about=("storage:BlobServiceProperties",),
    check=_is_recoverable,
    passes=alone(
        "storage:BlobServiceProperties",
        {"deleteRetentionPolicy": {"enabled": True}, "containerDeleteRetentionPolicy": {"enabled": True}},
    ),
    fails=alone(
        "storage:BlobServiceProperties",
        {},
        {"deleteRetentionPolicy": {"enabled": True}},
        {"deleteRetentionPolicy": {"enabled": False}, "containerDeleteRetentionPolicy": {"enabled": True}},
    ),
)

RULES = (
    NO_KEYS, NO_LOCAL_USERS, HTTPS, TLS, NOTHING_PUBLIC, PRIVATE_CONTAINERS, NO_REPLICATION_ABROAD, REPLICATED,
    SOFT_DELETE,
)  # fmt: skip

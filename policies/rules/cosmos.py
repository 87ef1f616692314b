"""the account that keeps all state: no keys, current encryption, a way back"""

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Rule, alone, is_on, requires


def _is_in_zones(account: Resource, _: Stack) -> Iterator[str]:
    """Every location of the account; the inner objects of a list have no path."""
    locations = list(account.objects("locations"))
    for number, location in enumerate(locations):
        if not location.get("isZoneRedundant"):
            yield f"locations[{number}].isZoneRedundant is not true"
    if not locations:
        yield "locations is empty"


NO_KEYS = Rule(
    id="cosmos-no-keys",
    title="Cosmos DB takes identities only",
    why="An account key reads and writes every container of every service.",
    remedy="Set disable_local_auth=True on the account; grant data-plane roles on containers instead.",
    severity="high",
    sources=(
        "CKV_AZURE_140",
        "Azure.Cosmos.NoSQLLocalAuth",
        "Azure Policy 5450f5bd-9c72-4390-a9c4-a7aba4edfdd2",
    ),
    about=("cosmosdb:DatabaseAccount",),
    check=is_on("disableLocalAuth"),
    passes=alone("cosmosdb:DatabaseAccount", {"disableLocalAuth": True}),
    fails=alone("cosmosdb:DatabaseAccount", {"disableLocalAuth": False}, {}),
)

NO_METADATA_KEYS = Rule(
    id="cosmos-no-metadata-keys",
    title="Nobody changes databases and containers with a key",
    why="Changes with a key pass by Azure's roles, locks and activity log.",
    remedy="Set disable_key_based_metadata_write_access=True on the account.",
    severity="medium",
    sources=(
        "CKV_AZURE_132",
        "Azure.Cosmos.DisableMetadataWrite (AZR-000095)",
        "Azure Policy 4750c32b-89c0-46af-bfcb-2e4541a818d5",
    ),
    about=("cosmosdb:DatabaseAccount",),
    check=is_on("disableKeyBasedMetadataWriteAccess"),
    passes=alone("cosmosdb:DatabaseAccount", {"disableKeyBasedMetadataWriteAccess": True}),
    fails=alone("cosmosdb:DatabaseAccount", {"disableKeyBasedMetadataWriteAccess": False}, {}),
)

TLS = Rule(
    id="cosmos-tls",
    title="Cosmos DB speaks TLS 1.2 or newer",
    why="Older versions have known attacks.",
    remedy='Set minimal_tls_version="Tls12" on the account.',
    severity="high",
    sources=("Azure.Cosmos.MinTLS (AZR-000415)",),
    about=("cosmosdb:DatabaseAccount",),
    check=requires("minimalTlsVersion", "Tls12", "Tls13"),
    passes=alone("cosmosdb:DatabaseAccount", {"minimalTlsVersion": "Tls12"}),
    fails=alone("cosmosdb:DatabaseAccount", {"minimalTlsVersion": "Tls"}, {}),
)

CONTINUOUS_BACKUP = Rule(
    id="cosmos-continuous-backup",
    title="Cosmos DB can be restored to any minute",
    why="Periodic backups lose up to hours of events, and only support can restore them.",
    remedy="Set backup_policy to ContinuousModeBackupPolicyArgs on the account.",
    severity="medium",
    sources=("Azure.Cosmos.ContinuousBackup (AZR-000439)",),
    about=("cosmosdb:DatabaseAccount",),
    check=requires("backupPolicy.type", "Continuous"),
    passes=alone("cosmosdb:DatabaseAccount", {"backupPolicy": {"type": "Continuous"}}),
    fails=alone("cosmosdb:DatabaseAccount", {"backupPolicy": {"type": "Periodic"}}, {}),
)

ZONES = Rule(
    id="cosmos-zones",
    title="Cosmos DB survives the loss of a zone",
    why="All state of all services is in this account, and one fire would take it out; it cannot be changed later.",
    remedy="Run `pulumi config set zoneRedundant true` before the stack is created.",
    severity="medium",
    dev="advisory",
    sources=("Azure.Cosmos.AvailabilityZone (AZR-000502)",),
    about=("cosmosdb:DatabaseAccount",),
    check=_is_in_zones,
    passes=alone("cosmosdb:DatabaseAccount", {"locations": [{"locationName": "there", "isZoneRedundant": True}]}),
    fails=alone(
        "cosmosdb:DatabaseAccount",
        {},
        {"locations": [{"locationName": "there", "isZoneRedundant": False}]},
        {"locations": [{"locationName": "there"}]},
    ),
)

RULES = (NO_KEYS, NO_METADATA_KEYS, TLS, CONTINUOUS_BACKUP, ZONES)

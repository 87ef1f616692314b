"""the vault that holds every secret: by roles only, and nothing gone for good by accident"""

from policies.rule import Rule, alone, is_on

RBAC = Rule(
    id="key-vault-roles",
    title="Key Vault goes by roles",
    why="Access policies cover the whole vault; a role can be granted on one secret.",
    remedy="Set properties.enable_rbac_authorization=True on the vault.",
    severity="high",
    sources=("Azure.KeyVault.RBAC (AZR-000388)", "Azure Policy 12d4fa5e-1f9f-4c21-97a9-b99b3c6611b5"),
    about=("keyvault:Vault",),
    check=is_on("properties.enableRbacAuthorization"),
    passes=alone("keyvault:Vault", {"properties": {"enableRbacAuthorization": True}}),
    fails=alone("keyvault:Vault", {"properties": {"enableRbacAuthorization": False}}, {"properties": {}}),
)

SOFT_DELETE = Rule(
    id="key-vault-soft-delete",
    title="A deleted vault or secret can be recovered",
    why="Without soft delete one mistaken destroy loses every secret.",
    remedy="Set properties.enable_soft_delete=True on the vault.",
    severity="high",
    sources=(
        "CKV_AZURE_111",
        "Azure.KeyVault.SoftDelete (AZR-000124)",
        "Azure Policy 1e66c121-a66a-4b1f-9b83-0fd99bf0fc2d",
    ),
    about=("keyvault:Vault",),
    check=is_on("properties.enableSoftDelete"),
    passes=alone("keyvault:Vault", {"properties": {"enableSoftDelete": True}}),
    fails=alone("keyvault:Vault", {"properties": {"enableSoftDelete": False}}, {"properties": {}}),
)

PURGE_PROTECTION = Rule(
    id="key-vault-purge-protection",
    title="Nobody can purge a deleted vault early",
    why="An attacker or a script with enough rights could otherwise delete the secrets for good.",
    remedy="Run `pulumi config set vault:purgeProtection true`; it cannot be switched off again.",
    severity="medium",
    dev="advisory",
    sources=(
        "CKV_AZURE_110",
        "CKV_AZURE_42",
        "Azure.KeyVault.PurgeProtect (AZR-000125)",
        "Azure Policy 0b60c0b2-2dc2-4e1c-b5c9-abbed971de53",
    ),
    about=("keyvault:Vault",),
    check=is_on("properties.enablePurgeProtection"),
    passes=alone("keyvault:Vault", {"properties": {"enablePurgeProtection": True}}),
    fails=alone("keyvault:Vault", {"properties": {"enablePurgeProtection": False}}, {"properties": {}}),
)

CONTENT_TYPE = Rule(
    id="key-vault-content-type",
    title="A secret says what it is",
    why="Who rotates a secret must know its format without reading its value.",
    remedy="Set properties.content_type on the secret.",
    severity="low",
    sources=("CKV_AZURE_114", "Azure Policy 75262d3e-ba4a-4f43-85f8-9f72c090e5e3"),
    about=("keyvault:Secret",),
    check=lambda secret, _: [] if secret.get("properties.contentType") else ["properties.contentType is not set"],
    passes=alone("keyvault:Secret", {"properties": {"contentType": "text/plain"}}),
    fails=alone("keyvault:Secret", {"properties": {}}, {"properties": {"contentType": ""}}),
)

RULES = (RBAC, SOFT_DELETE, PURGE_PROTECTION, CONTENT_TYPE)

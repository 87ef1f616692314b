"""what the policies advise stack dev of and do not ask for: what costs money, or cannot be undone"""

ADVICE = {
    "cosmos-zones": 1,
    "storage-zones": 1,
    "functions-zones": 6,
    "key-vault-purge-protection": 1,
    "network-closed": 5,
    "network-denies-by-default": 3,
    "network-endpoint": 11,
    "functions-in-network": 6,
    "functions-few-may-knock": 6,
    "alert-reaches-somebody": 1,
    "alert-availability": 3,
    "data-is-protected": 3,
}
"""Rule -> for how many resources."""

UNJUDGED = frozenset({"waiver-in-force", "subnet-guarded", "subnet-way-out", "security-group-refuses"})
"""Rules that find nothing to judge in stack dev; stack prod, or an example, has it."""

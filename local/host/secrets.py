"""@Microsoft.KeyVault(...) in an app setting -> the secret's value in a local JSON file

In Azure the platform resolves these references before the app starts (App Service, "Use Key Vault references"). The
file is flat JSON, secret name -> value; a key "vault/secret" is more specific and wins.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from local.host.errors import all_of
from local.host.flat_json import read_flat_json

_REFERENCE = re.compile(r"@Microsoft\.KeyVault\((?P<parts>.*)\)", re.IGNORECASE)


def resolve_references(settings: Mapping[str, str], file: Path | None) -> dict[str, str]:
    """Return the settings with every Key Vault reference replaced by its secret.

    Raises:
        HostError: naming each setting whose reference is malformed or whose secret the file does not hold.
    """
    references = {key: match["parts"] for key, value in settings.items() if (match := _REFERENCE.fullmatch(value))}
    if not references:
        return dict(settings)
    secrets = read_flat_json(file) if file else {}
    resolved, problems = dict(settings), list[str]()
    for key, parts in references.items():
        try:
            vault, secret = _names(parts)
        except ValueError as error:
            problems.append(f"setting {key}: {error}")
            continue
        found = next((secrets[name] for name in (f"{vault}/{secret}", secret) if name in secrets), None)
        if found is None:
            where = f"{file} does not hold it; add" if file else "no secrets file was given; pass --secrets with"
            problems.append(f'setting {key} refers to secret {secret} of vault {vault}: {where} "{secret}": "..."')
        else:
            resolved[key] = found
    all_of(problems)
    return resolved


def _names(parts: str) -> tuple[str, str]:
    """Vault and secret of `VaultName=v;SecretName=s[;SecretVersion=x]` or `SecretUri=https://v.../secrets/s[/x]`."""
    named = dict(_pairs(parts))
    if "secreturi" in named:
        uri = urlsplit(named["secreturi"])
        path = uri.path.strip("/").split("/")
        if uri.hostname and len(path) > 1 and path[0] == "secrets":
            return uri.hostname.split(".")[0], path[1]
    elif named.get("vaultname") and named.get("secretname"):
        return named["vaultname"], named["secretname"]
    raise ValueError(
        f"@Microsoft.KeyVault({parts}) is malformed; write VaultName=...;SecretName=... or SecretUri=https://.../secrets/..."
    )


def _pairs(parts: str) -> Iterator[tuple[str, str]]:
    for part in parts.split(";"):
        name, _, value = part.partition("=")
        yield name.strip().lower(), value.strip()

"""settings.json -> app settings -> os.environ, %EXPRESSIONS% and connections

A process has one environment, so apps that are hosted together share their settings: where two of their files say
different things of one key, hosting is refused. One process per app has no such limit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.host.errors import HostError, all_of
from local.host.flat_json import read_flat_json
from local.host.secrets import resolve_references

_EXPRESSION = re.compile(r"%([^%]+)%")


def load_settings(files: list[Path], secrets: Path | None = None) -> dict[str, str]:
    """Merge the settings files and resolve their Key Vault references.

    Raises:
        HostError: for an unreadable file, for a key with different values in two files (the values are not shown:
            they may be secrets), or for a reference that cannot be resolved.
    """
    merged, owner, problems = dict[str, str](), dict[str, Path](), list[str]()
    for file in files:
        for key, value in read_flat_json(file).items():
            if merged.setdefault(key, value) != value:
                problems.append(
                    f"setting {key} differs between {owner[key]} and {file}: one process has one environment; "
                    "give it one value or host the apps in processes of their own"
                )
            owner.setdefault(key, file)
    all_of(problems)
    return resolve_references(merged, secrets)


def expand(text: str, settings: Mapping[str, str], *, where: str) -> str:
    """Replace each `%NAME%` by the setting NAME, as the host does in binding attributes ("binding expressions").

    Raises:
        HostError: naming the missing setting and `where` it is used.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return settings[match[1]]
        except KeyError:
            raise HostError(
                f"{where} uses %{match[1]}%, but there is no app setting {match[1]}; add it to the settings file"
            ) from None

    return _EXPRESSION.sub(value, text)


@dataclass(frozen=True)
class Connection:
    """How to reach a namespace or an account: by connection string, or by its address with an Entra identity."""

    name: str
    connection_string: str | None = None
    address: str | None = None


def connection(name: str, settings: Mapping[str, str], *, address: str, where: str) -> Connection:
    """Resolve a binding's `connection` by the Functions convention.

    `name` is looked up as `AzureWebJobs{name}`, then as `{name}` (a connection string), then as `{name}__{address}`
    (an identity; `address` is `fullyQualifiedNamespace` for Service Bus and `accountEndpoint` for Cosmos DB).

    Raises:
        HostError: naming the settings that were looked for.
    """
    for prefixed in (f"AzureWebJobs{name}", name):
        if text := settings.get(prefixed):
            return Connection(name, connection_string=text)
        if endpoint := settings.get(f"{prefixed}__{address}"):
            return Connection(name, address=endpoint)
    raise HostError(
        f"{where} connects through {name}, but there is no app setting {name} (a connection string) "
        f"and none {name}__{address} (an identity); add one to the settings file"
    )

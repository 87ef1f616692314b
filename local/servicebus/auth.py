"""SAS token -> HMAC and expiry checked -> claim -> does a role of its key reach this entity?

Keys stand for Azure's identities: each has the grants that role assignments would give it. A token's form is that of
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas
"""

from base64 import b64encode
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, quote_plus, unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.servicebus.addresses import parse_address

WELL_KNOWN_NAME: Final = "RootManageSharedAccessKey"
WELL_KNOWN_KEY: Final = "SAS_KEY_VALUE"  # public: the one of Microsoft's emulator


class Right(Enum):
    """What an operation needs; the value is the built-in role that grants it."""

    SEND = "Azure Service Bus Data Sender"
    LISTEN = "Azure Service Bus Data Receiver"


OWNER: Final = "Azure Service Bus Data Owner"
Role = Literal["Azure Service Bus Data Sender", "Azure Service Bus Data Receiver", "Azure Service Bus Data Owner"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Grant(_Model):
    """A role at a scope: "" is the namespace, `topic` includes its subscriptions."""

    role: Role
    scope: str = ""

    def covers(self, right: Right, path: str) -> bool:
        scope, path = self.scope.strip("/").lower(), path.lower()
        reaches = not scope or path == scope or path.startswith(scope + "/")
        return reaches and self.role in (right.value, OWNER)


class Key(_Model):
    name: str = Field(min_length=1)
    key: str = Field(min_length=1)
    grants: tuple[Grant, ...] = ()


class Principals(_Model):
    """Who may connect. The emulator's public key is an owner unless `well_known_key` says no."""

    keys: tuple[Key, ...] = ()
    well_known_key: bool = True

    def all(self) -> dict[str, Key]:
        """Every key by its name."""
        public = Key(name=WELL_KNOWN_NAME, key=WELL_KNOWN_KEY, grants=(Grant(role=OWNER),))
        found = {public.name: public} if self.well_known_key else {}
        return found | {key.name: key for key in self.keys}


class PrincipalsError(ValueError):
    """principals.json cannot be used; the message lists every reason."""


def load_principals(path: Path) -> Principals:
    """Principals from a file.

    Raises:
        PrincipalsError: unreadable, or not of this shape.
    """
    try:
        return Principals.model_validate_json(path.read_bytes())
    except OSError as wrong:
        raise PrincipalsError(f"cannot read {path}: {wrong.strerror}") from wrong
    except ValidationError as wrong:
        lines = [f"  {'.'.join(map(str, e['loc'])) or '(whole file)'}: {e['msg']}" for e in wrong.errors()]
        raise PrincipalsError(f"{path} is no principals file:\n" + "\n".join(lines)) from wrong


class Claim(NamedTuple):
    """What a verified token lets its connection say: I am this key, for this resource, until then (seconds)."""

    key: Key
    resource: str
    expires: float


class TokenError(ValueError):
    """The token proves nothing; the message says why."""


def verify(token: str, keys: dict[str, Key], now: float) -> Claim:
    """The claim in a SAS token.

    Raises:
        TokenError: no SAS token, unknown key name, wrong signature, expired.
    """
    scheme, _, query = token.partition(" ")
    fields = {name: values[0] for name, values in parse_qs(query).items()}
    missing = [name for name in ("sr", "sig", "se", "skn") if name not in fields]
    if scheme != "SharedAccessSignature" or missing:
        raise TokenError(
            "the local emulator takes SAS tokens only: connect with its connection string, not with an Entra credential"
        )
    key = keys.get(fields["skn"]) or keys.get(unquote_plus(fields["skn"]))
    if key is None:
        raise TokenError(f"no key is named '{fields['skn']}'; there are {_names(keys)}")
    signed = f"{quote_plus(fields['sr'])}\n{fields['se']}".encode()
    expected = b64encode(digest(key.key.encode(), signed, sha256)).decode()
    if not compare_digest(expected.encode(), fields["sig"].encode()):
        raise TokenError(f"the signature was not made with the key named '{key.name}'")
    if not fields["se"].isdecimal() or int(fields["se"]) <= now:
        raise TokenError(f"the token of key '{key.name}' expired at {fields['se']} (now {int(now)})")
    return Claim(key, parse_address(fields["sr"]).entity, float(fields["se"]))


def refusal(claims: Iterable[Claim], right: Right, path: str, now: float) -> str | None:
    """Why these claims do not give this right on this entity; None if they do."""
    valid = [claim for claim in claims if claim.expires > now]
    reaching = [claim for claim in valid if _within(path.lower(), claim.resource)]
    if any(grant.covers(right, path) for claim in reaching for grant in claim.key.grants):
        return None
    who = ", ".join(sorted({f"'{claim.key.name}'" for claim in reaching})) or "an unauthenticated connection"
    return f"Unauthorized access: '{path}' needs the role '{right.value}', which key {who} was not granted"


def _within(path: str, resource: str) -> bool:
    return not resource or path == resource or path.startswith(resource + "/")


def _names(keys: dict[str, Key]) -> str:
    return ", ".join(f"'{name}'" for name in keys) or "none"

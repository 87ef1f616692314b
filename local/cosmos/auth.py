"""authorization header -> the key that signed the request -> its principal -> may it?

Each principal has its own account key and role assignments, as each service has its own identity in Azure.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Annotated, Literal
from urllib.parse import parse_qs, unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from local.cosmos.errors import RBAC_DENIED, CosmosError, explain
from local.cosmos.routes import Route

# published by Microsoft for its own emulator: https://learn.microsoft.com/azure/cosmos-db/emulator#authentication
WELL_KNOWN_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="

Reader = "Cosmos DB Built-in Data Reader"
Contributor = "Cosmos DB Built-in Data Contributor"
Need = Literal["metadata", "read", "write", "own"]


def _is_base64(key: str) -> str:
    if not base64.b64decode(key, validate=True):
        message = "a key may not be empty"
        raise ValueError(message)
    return key


class Grant(BaseModel):
    """A data-plane role at a scope: "/" is the account, "/dbs/x" a database, "/dbs/x/colls/y" a container."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    role: Literal["Cosmos DB Built-in Data Reader", "Cosmos DB Built-in Data Contributor"]
    scope: Annotated[str, Field(pattern=r"^/(dbs/[^/]+(/colls/[^/]+)?)?$")]

    def covers(self, need: Need, path: str) -> bool:
        within = f"/{path}/".startswith(self.scope.rstrip("/") + "/")
        return within and (need == "read" or self.role == Contributor)

    def touches(self, database: str) -> bool:
        """Whether anything in the database is granted: enough to read what its containers look like."""
        return self.scope == "/" or f"{self.scope}/".startswith(f"/dbs/{database}/")


class Key(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1)]
    key: Annotated[str, AfterValidator(_is_base64)]
    grants: tuple[Grant, ...] = ()


class Principals(BaseModel):
    """principals.json: who may do what. Without `wellKnownKey` the owner gets a fresh random key at each start."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    wellKnownKey: bool = True  # noqa: N815 (the file's name)
    keys: tuple[Key, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Principals":
        """Read the file.

        Raises:
            ValueError: it cannot be read or is invalid; the message names file and field.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}"
            raise ValueError(message) from None
        except ValidationError as error:
            message = f"{path} is not a valid principals file: {explain(error)}"
            raise ValueError(message) from None


@dataclass(frozen=True)
class Principal:
    """Whose key signed the request. The owner may everything, the others what their grants say."""

    name: str
    key: str
    grants: tuple[Grant, ...] = ()
    owner: bool = False

    def demand(self, need: Need, path: str) -> None:
        """Raise CosmosError 403 unless this principal may; `path` is dbs/{id}/colls/{id} or a prefix of it."""
        if self.owner:
            return
        if need == "own":
            raise self._denied(
                path, "no data-plane role creates or deletes databases and containers; use the owner's key"
            )
        if need == "metadata":
            database = path.split("/")[1] if path else ""
            if not path or any(grant.touches(database) for grant in self.grants):
                return
            raise self._denied(path, f"it holds no grant in database '{database}'")
        if not any(grant.covers(need, path) for grant in self.grants):
            role = f"'{Contributor}'" if need == "write" else f"'{Reader}' or '{Contributor}'"
            raise self._denied(path, f"role {role} at scope '/{path}' or above is needed")

    def _denied(self, path: str, why: str) -> CosmosError:
        message = f"Request blocked: principal '{self.name}' may not do this on '/{path}': {why}."
        return CosmosError(403, message, substatus=RBAC_DENIED)


class Authority:
    """Knows every key of the account."""

    def __init__(self, principals: Principals) -> None:
        root = WELL_KNOWN_KEY if principals.wellKnownKey else base64.b64encode(token_bytes(64)).decode()
        self.root = Principal("owner", root, owner=True)
        others = [Principal(entry.name, entry.key, entry.grants) for entry in principals.keys]
        self._principals = [self.root, *others]
        self._secrets = [base64.b64decode(principal.key) for principal in self._principals]

    def key(self, name: str) -> str:
        """The base64 key of a principal.

        Raises:
            KeyError: nobody has that name; the message lists who is known.
        """
        for principal in self._principals:
            if principal.name == name:
                return principal.key
        message = f"no principal '{name}'; known are {', '.join(p.name for p in self._principals)}"
        raise KeyError(message)

    def identify(self, method: str, route: Route, headers: Mapping[str, str]) -> Principal:
        """Find the key that signed this request (HMAC-SHA256 over verb, resource and date).

        Raises:
            CosmosError: 401 that says what is wrong with the header.
        """
        header = unquote(headers.get("authorization", ""))
        fields = {name: values[0] for name, values in parse_qs(header.replace("+", "%2B")).items()}
        if fields.get("type") == "aad":
            raise _unauthorized("Entra tokens are not accepted by this emulator; connect with an account key")
        if fields.get("type") != "master" or "sig" not in fields:
            raise _unauthorized("the authorization header must be type=master&ver=1.0&sig=<signature>")
        try:
            signature = base64.b64decode(fields["sig"], validate=True)
        except (binascii.Error, ValueError):
            raise _unauthorized("the signature is not base64") from None
        links = (route.resource_link, route.resource_link.rsplit("/", 1)[-1].lower())  # by names, or by resource id
        dates = f"{headers.get('x-ms-date', '').lower()}\n{headers.get('date', '').lower()}\n"
        texts = [f"{method.lower()}\n{route.resource_type}\n{link}\n{dates}".encode() for link in links]
        for principal, secret in zip(self._principals, self._secrets, strict=True):
            if any(hmac.compare_digest(hmac.digest(secret, text, "sha256"), signature) for text in texts):
                return principal
        raise _unauthorized(
            "no key of this account made the signature; check AccountKey and that ids are not re-encoded"
        )


def _unauthorized(why: str) -> CosmosError:
    return CosmosError(401, f"The request is not authorized: {why}.")

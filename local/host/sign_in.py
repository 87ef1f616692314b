"""`Authorization: Bearer TOKEN` -> who calls, in the headers that App Service sets; or 401

The host plays the platform: as App Service authentication does in Azure, it lets nobody reach a function of a guarded
app without a token that is signed, in date, of the right issuer and for the right audience, and it takes away whatever
a client sends under the platform's names (App Service, "Work with user identities").
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from local.host.errors import HostError
from local.host.host_json import problem_of

OURS = "x-ms-"
"""Headers that only the platform sets."""
LONG_NAMES = {
    "sub": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
}
"""Claims that App Service calls by another name."""
NAME_TYPE = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
REQUIRED = ["exp", "iss", "aud", "sub"]


class Unauthenticated(Exception):  # noqa: N818 - named for who gets it
    """No token, or none that counts; the text says why."""


class Door(BaseModel):
    """Whose tokens a guarded app takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    audiences: tuple[str, ...]


class SignIn(BaseModel):
    """The public key that tokens are checked with, and each guarded app's door."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    apps: dict[str, Door]

    def headers(self, app: str | None, authorization: str) -> Mapping[str, str]:
        """What the platform tells the app about the caller; nothing where it guards none of this name.

        Where no route fits (`app` is None) any guard asks for a token first: nobody finds out what there is.

        Raises:
            Unauthenticated: the request may not go on.
        """
        door = self.apps.get(app) if app else next(iter(self.apps.values()), None)
        return _principal(self._claims(door, authorization)) if door else {}

    def _claims(self, door: Door, authorization: str) -> Mapping[str, Any]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("there is no bearer token")
        try:
            return jwt.decode(
                token.strip(),
                self.key,
                algorithms=["RS256"],
                audience=door.audiences,
                issuer=door.issuer,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            reason = str(error).replace('"', "'")  # it may quote the token, and goes into a header
            raise Unauthenticated(reason.encode("ascii", "replace").decode().partition("\n")[0][:200]) from error


def read_sign_in(file: Path) -> SignIn:
    """Read what the local stack wrote.

    Raises:
        HostError: if it cannot be read, naming what is wrong with it.
    """
    try:
        return SignIn.model_validate_json(file.read_bytes())
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        problems = "; ".join(problem_of(each) for each in error.errors())
        raise HostError(f"{file} is no sign-in file: {problems}") from None


def without_ours(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a request, without those that only the platform sets."""
    return [(name, value) for name, value in headers if not name.lower().startswith(OURS.encode())]


def _principal(claims: Mapping[str, Any]) -> Mapping[str, str]:
    named = [
        {"typ": LONG_NAMES.get(name, name), "val": value if isinstance(value, str) else json.dumps(value)}
        for name, values in claims.items()
        for value in (cast("list[object]", values) if isinstance(values, list) else [values])
    ]
    principal = {"auth_typ": "aad", "claims": named, "name_typ": NAME_TYPE, "role_typ": ROLE_TYPE}
    name = claims.get("preferred_username") or claims.get("name") or claims.get("azp") or claims["sub"]
    return {
        "x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode(),
        "x-ms-client-principal-id": str(claims.get("oid") or claims["sub"]),
        "x-ms-client-principal-name": str(name),
        "x-ms-client-principal-idp": "aad",
    }

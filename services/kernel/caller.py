"""HTTP request -> who calls, as the platform's sign-in says: an Entra token was checked before the function ran.

App Service checks the token and writes what it says into headers that no client can set (App Service, "Work with user
identities in authentication"); the local host does the same. So nothing here is checked twice, and nothing is open: a
request without these headers was let in by nobody.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, cast

import azure.functions as func

from services.kernel.problem import Problem

PRINCIPAL = "x-ms-client-principal"
ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
NAME_CLAIMS = ("preferred_username", "name", "azp", "appid", "sub")
"""Who it is for people: a user's name, else the application's id."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and the app roles that were assigned to them."""

    name: str
    roles: frozenset[str]

    @classmethod
    def of(cls, request: func.HttpRequest) -> "Caller":
        """Read the platform's header.

        Raises:
            Problem: 401, if there is none or it cannot be read.
        """
        try:
            header = str(cast("Any", request.headers).get(PRINCIPAL, ""))
            principal: Any = json.loads(base64.b64decode(header, validate=True))
            claims = [(str(claim["typ"]), str(claim["val"])) for claim in cast("list[Any]", principal["claims"])]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise Problem(401, "unauthenticated", "sign in: this door takes Entra tokens only") from error
        named = dict(reversed(claims))
        name = next((named[claim] for claim in NAME_CLAIMS if named.get(claim)), "")
        if not name:
            raise Problem(401, "unauthenticated", f"the token names nobody: it has none of {', '.join(NAME_CLAIMS)}")
        return cls(name, frozenset(value for claim, value in claims if claim in ROLE_CLAIMS))

    def must_have(self, role: str) -> None:
        """Check for an app role.

        Raises:
            Problem: 403, naming the role that is missing.
        """
        if role not in self.roles:
            has = ", ".join(sorted(self.roles)) or "none"
            raise Problem(403, "forbidden", f"{self.name} needs the app role {role} and has {has}")

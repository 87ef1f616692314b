"""the stack's key pair -> tokens as Entra would issue them: `python -m local token --role Events.Send`

The pair is made once per state folder; its private half never leaves it, and opens nothing but this machine's doors.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

import jwt
import typer
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ValidationError

from local.host.sign_in import Door
from local.processes import StackError
from local.stack_folder import FOLDER

PRIVATE = "sign-in.pem"
DOORS = "run/sign-in.json"
LIFETIME = timedelta(hours=1)


class OpenDoor(Door):
    """A guarded app that runs, and where."""

    url: str


class Doors(BaseModel):
    """What the running stack wrote down for its hosts, and for whoever wants to call them."""

    key: str
    apps: dict[str, OpenDoor]


def key_pair(folder: Path) -> RSAPrivateKey:
    """The stack's key pair, made at the first call; readable by this user only."""
    file = folder / PRIVATE
    if not file.exists():
        made = generate_private_key(public_exponent=65537, key_size=2048)
        folder.mkdir(parents=True, exist_ok=True)
        written = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        written.replace(file)
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise StackError(f"{file} holds no RSA key; remove it, and the next start makes one")
    return key


def public_half(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def issue(key: RSAPrivateKey, door: Door, *, name: str, roles: Sequence[str], lifetime: timedelta = LIFETIME) -> str:
    """A token of version 2 for a user of this name, with the claims that the services look at."""
    now = datetime.now(UTC)
    somebody = str(uuid5(NAMESPACE_URL, name))
    claims: Mapping[str, object] = {
        "iss": door.issuer,
        "aud": door.audiences[0],
        "iat": now - timedelta(seconds=1),
        "nbf": now - timedelta(seconds=1),
        "exp": now + lifetime,
        "sub": somebody,
        "oid": somebody,
        "preferred_username": name,
        "name": name,
        "roles": list(roles),
        "ver": "2.0",
    }
    return jwt.encode(dict(claims), key, algorithm="RS256")


def doors(folder: Path = FOLDER) -> Doors:
    """The doors of the stack that runs in this folder.

    Raises:
        StackError: if none has started there.
    """
    try:
        return Doors.model_validate_json((folder / DOORS).read_bytes())
    except (OSError, ValidationError):
        raise StackError(f"no stack with doors has started in {folder}; run `make local` first") from None


def token_for(*roles: str, name: str, folder: Path = FOLDER) -> str:
    """A token that every door of the running stack takes.

    Raises:
        StackError: if no stack with doors has started.
    """
    open_doors = doors(folder).apps
    return issue(key_pair(folder), next(iter(open_doors.values())), name=name, roles=roles)


def token(
    role: Annotated[list[str], typer.Option(help="An app role, such as Events.Send; may be repeated.")],
    *,
    name: Annotated[str, typer.Option(help="Who calls.")] = "developer@localhost",
) -> None:
    """Print a token for the doors of the running stack, valid for an hour."""
    try:
        print(token_for(*role, name=name))
    except StackError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None

"""names that are ours to give -> names that Azure takes"""

import hashlib
import re
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from pydantic import TypeAdapter

_DURATIONS = TypeAdapter(timedelta)


def duration(span: timedelta) -> str:
    """ISO 8601 in the form that Service Bus stores: `PT1M`, not `PT60S`, or every preview would show a change."""
    return _DURATIONS.dump_python(span, mode="json")


def slug(name: str) -> str:
    """Lower case, digits and single dashes: what host names are made of."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def host_id(name: str) -> str:
    """The id of a Functions host, at most 32 characters.

    Hosts that share a storage account and an id share locks and keys; by default the id is the app's name cut off.
    """
    plain = slug(name)
    return plain if len(plain) <= 32 else f"{plain[:23].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"  # noqa: PLR2004


def guid(*parts: str) -> str:
    """The same id for the same parts, as Azure's templates make the names of role assignments."""
    return str(uuid5(NAMESPACE_URL, "|".join(parts)))

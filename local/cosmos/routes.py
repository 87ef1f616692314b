"""raw path -> the resource it names, and the (type, link) pair that the authorization signature covers

Segments are split before they are decoded: an id may contain an encoded character, but never a slash.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from local.cosmos.errors import bad_request, not_found

Kind = Literal[
    "account",
    "databases",
    "database",
    "containers",
    "container",
    "items",
    "item",
    "ranges",
    "faults",
    "counts",
]
_SHAPES: dict[tuple[str, ...], Kind] = {
    (): "account",
    ("dbs",): "databases",
    ("dbs", "*"): "database",
    ("dbs", "*", "colls"): "containers",
    ("dbs", "*", "colls", "*"): "container",
    ("dbs", "*", "colls", "*", "docs"): "items",
    ("dbs", "*", "colls", "*", "docs", "*"): "item",
    ("dbs", "*", "colls", "*", "pkranges"): "ranges",
    ("_emulator", "faults"): "faults",
    ("_emulator", "counts"): "counts",
}
_REFUSED = frozenset(
    {"sprocs", "triggers", "udfs", "users", "permissions", "conflicts", "attachments", "operations", "offers"}
)


@dataclass(frozen=True)
class Route:
    """`names` are the decoded ids (or resource ids) on the way: database, container, item."""

    kind: Kind
    names: tuple[str, ...]
    resource_type: str
    resource_link: str


def parse_route(raw_path: bytes) -> Route:
    """Read a path as Cosmos clients write it: trailing slash, percent-encoded segments.

    Raises:
        CosmosError: 400 for undecodable text and for resources this emulator does not have, 404 for anything else.
    """
    try:
        segments = [unquote_to_bytes(part).decode() for part in raw_path.split(b"/") if part]
    except UnicodeDecodeError:
        raise bad_request("The path is not percent-encoded UTF-8.") from None
    shape = tuple("*" if at % 2 and segments[0] == "dbs" else part for at, part in enumerate(segments))
    if shape in _SHAPES:
        odd = len(segments) % 2
        resource_type = (segments[-1] if odd else segments[-2]) if segments else ""
        link = "/".join(segments[:-1] if odd else segments)
        return Route(_SHAPES[shape], tuple(segments[1::2]), resource_type, link)
    if refused := sorted(_REFUSED.intersection(shape)):
        raise bad_request(f"{refused[0]} are not part of this emulator; see FIDELITY.md for what is.")
    raise not_found(
        f"There is no resource at '/{'/'.join(segments)[:200]}'; paths look like /dbs/{{id}}/colls/{{id}}/docs/{{id}}."
    )

"""an item -> what of it is looked at: the fields that say nothing, and those that may start a workflow

All lists of names stand here. A name counts wherever it stands in a document, also in a nested object.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from services.kernel.authorship import content

Kind = Literal["customer", "order", "feedback", "other"]

BOOKKEEPING = frozenset({"inbox", "outbox"})
"""Records by which a service remembers what it has dealt with; they lie beside the items."""

IGNORED = frozenset(
    {
        "as_of",
        "created_at",
        "etag",
        "last_login_at",
        "last_seen_at",
        "modified_at",
        "modified_by",
        "revision",
        "synced_at",
        "ttl",
        "updated_at",
        "updated_by",
        "version",
        "views",
    }
)
"""Top-level fields that change with every touch and say nothing: a change of these alone is never asked about."""

ESCALATING = frozenset(
    {
        "complaint",
        "dispute",
        "escalated",
        "fulfilment_priority",
        "payment_status",
        "priority",
        "rating",
        "risk",
        "sentiment",
        "status",
        "urgency",
    }
)
"""Fields that hold one of few values: only a change of one of these may start a workflow. Texts are not among them, or
whoever can write a note could start one."""

WEIGHTY = ESCALATING | frozenset(
    {"address", "amount", "country", "currency", "customer_id", "email", "items", "name", "phone", "shipping", "total"}
)
"""What the rules call significant when no model may answer."""


def is_bookkeeping(document: Mapping[str, Any]) -> bool:
    """Whether a document is an inbox or outbox record: by its kind and by its id, for anybody may write a kind."""
    kind = document.get("kind")
    return kind in BOOKKEEPING and str(document.get("id")).startswith(f"{kind}~")


def relevant(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item says, without what says nothing."""
    return {name: value for name, value in content(item).items() if name not in IGNORED}


def kind_of(item: Mapping[str, Any]) -> Kind:
    return next((kind for kind in get_args(Kind) if kind == item.get("kind")), "other")


def names_in(path: Iterable[str | int]) -> set[str]:
    """The names of fields that a path leads through."""
    return {step.lower() for step in path if isinstance(step, str)}

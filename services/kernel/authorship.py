"""A record that AI wrote says so, with a fingerprint of what was written: whoever reads it can tell its own kind's
writing from a person's.

`decided_by` holds who decided and the fingerprint of everything else. As long as the fingerprint fits, nobody has
changed the record since; once it does not, somebody has (services/cdc guards itself against loops with it).
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from services.entities import ITEMS
from services.kernel.ids import fingerprint

DECIDED_BY = "decided_by"
WHERE = frozenset({"id", ITEMS.partition_key})
"""Where a record stands, which is not what it says."""


def content(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says: without what Cosmos DB adds, where it stands, and who decided it."""
    skipped = WHERE | {DECIDED_BY}
    return {key: value for key, value in document.items() if not key.startswith("_") and key not in skipped}


def signed(document: Mapping[str, Any], **decided_by: Any) -> dict[str, Any]:
    """The document as AI writes it: with who decided, and the fingerprint of what was written."""
    return {**document, DECIDED_BY: {**decided_by, "content": _print(content(document))}}


def is_as_ai_wrote_it(document: Mapping[str, Any]) -> bool:
    """Whether nobody has changed the document since AI wrote it."""
    decided_by = document.get(DECIDED_BY)
    if not isinstance(decided_by, dict):
        return False
    return cast("dict[str, Any]", decided_by).get("content") == _print(content(document))


def _print(written: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(written, sort_keys=True))

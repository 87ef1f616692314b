r"""foreign names -> ids that every store accepts.

Service Bus limits message and session ids to 128 characters; Cosmos DB forbids `/ \ # ?` in ids. Foreign ids (an
event's, a customer's) keep to neither, so what is made of them is hashed; a readable beginning is kept for people.
"""

import json
import re
from hashlib import sha256

LONGEST = 40 + 1 + 24


def safe_id(*parts: str) -> str:
    """One id for these parts: the same parts give the same id, different parts never do; at most 65 characters."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", parts[-1])[:40].strip("-")
    digest = sha256(json.dumps(parts).encode()).hexdigest()[:24]
    return f"{readable}~{digest}"


def fingerprint(content: str) -> str:
    """Tells whether two contents are the same without keeping either."""
    return sha256(content.encode()).hexdigest()[:32]

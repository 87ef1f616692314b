"""position (LSN), place (EPKs) -> the items that changed since, latest version only, a page at a time

The ETag of the answer is the position. All operations of one commit share one LSN and a page never cuts it.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from local.cosmos.errors import bad_request
from local.cosmos.http import MAX_PAGE_BYTES
from local.cosmos.resources import Container


@dataclass(frozen=True)
class Start:
    """Where to begin: after `lsn`, and only what was written at `since` (seconds since 1970) or later."""

    lsn: int
    since: int = 0


@dataclass(frozen=True)
class Changes:
    """Items as JSON text with their `_lsn`; `position` is the LSN to continue after."""

    texts: list[str]
    position: int


def parse_start(if_none_match: str | None, if_modified_since: str | None, last: int) -> Start:
    """Read the two headers that say where a reader stands; `last` is the container's LSN now.

    No header: from the beginning. If-None-Match "*": from now. If-None-Match "<lsn>": from a continuation.
    If-Modified-Since: from a date, which stays a condition when a continuation comes along.

    Raises:
        CosmosError: 400 for a position that this emulator never gave or an unreadable date.
    """
    since = 0
    if if_modified_since is not None:
        try:
            moment = parsedate_to_datetime(if_modified_since)
        except ValueError:
            raise bad_request(f"If-Modified-Since '{if_modified_since[:80]}' is not an RFC 1123 date.") from None
        since = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if if_none_match is None:
        return Start(0, since)
    if if_none_match == "*":
        return Start(last, since)
    digits = if_none_match.strip('"')
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):  # noqa: PLR2004 (an int64)
        raise bad_request(f"If-None-Match '{if_none_match[:80]}' is not a change feed position; it is a quoted number.")
    return Start(int(digits), since)


def changes(
    connection: sqlite3.Connection, container: Container, start: Start, epks: tuple[str, str], size: int, now: float
) -> Changes:
    """The next page: whole LSNs, oldest first, until it has `size` items or 4 MB; EPKs in the range [low, high).

    An item appears at its last write; deleted and expired ones do not appear. An empty page's position is the
    container's LSN: everything up to it has been looked at (nothing is written meanwhile, all is on one thread).
    """
    scope = {
        "container": container.number,
        "after": start.lsn,
        "since": start.since,
        "low": epks[0],
        "high": epks[1],
        "now": now,
    }
    texts: list[str] = []
    position = characters = 0
    for body, lsn in connection.execute(_CHANGED, scope):
        if lsn != position and (len(texts) >= size or characters > MAX_PAGE_BYTES):
            break
        texts.append(f'{body[:-1]},"_lsn":{lsn}}}')
        characters += len(body)
        position = lsn
    if not texts:
        (last,) = connection.execute("SELECT lsn FROM containers WHERE number = :container", scope).fetchone()
        position = max(last, start.lsn)
    return Changes(texts, position)


_CHANGED = """
SELECT body, lsn FROM items
WHERE container = :container AND lsn > :after AND ts >= :since AND epk >= :low AND epk < :high
AND (expires IS NULL OR expires > :now)
ORDER BY lsn, number"""

"""what was delivered -> SQLite, in the order of arrival; nothing is dropped, not even what came twice"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel

FIELDS = ("channel", "recipient", "key", "title", "body", "at")
FILE = "mailbox.sqlite"


class StoreError(OSError):
    """The state folder cannot be used."""


class Mail(BaseModel):
    """One message as it arrived. `key` is its idempotency key, or empty; two of one key are two deliveries."""

    number: int
    channel: str
    recipient: str
    key: str
    title: str
    body: str
    at: str


class Store:
    """All mail of one state folder, or of this process where there is none."""

    def __init__(self, state: Path | None = None) -> None:
        """Raises StoreError when the folder cannot be used."""
        try:
            if state:
                state.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(state / FILE if state else ":memory:", check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS mail (number INTEGER PRIMARY KEY AUTOINCREMENT, "
                "channel TEXT, recipient TEXT, key TEXT, title TEXT, body TEXT, at TEXT)"
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{state} cannot hold the mail: {error}") from error
        self._lock = Lock()

    def add(self, channel: str, recipient: str, key: str, title: str, body: str) -> Mail:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        values = (channel, recipient, key, title, body, at)
        with self._lock, self._database:
            added = self._database.execute(
                "INSERT INTO mail (channel, recipient, key, title, body, at) VALUES (?, ?, ?, ?, ?, ?)", values
            )
        return Mail(number=added.lastrowid or 0, **dict(zip(FIELDS, values, strict=True)))

    def find(self, wanted: Mapping[str, str] | None = None) -> list[Mail]:
        """All mail, or what has these values in `channel`, `recipient` or `key`; oldest first."""
        asked = json.dumps(dict(wanted or {}))
        query = (
            "SELECT number, channel, recipient, key, title, body, at FROM mail "
            "WHERE channel = coalesce(?1 ->> 'channel', channel) "
            "AND recipient = coalesce(?1 ->> 'recipient', recipient) AND key = coalesce(?1 ->> 'key', key) "
            "ORDER BY number"
        )
        with self._lock:
            rows: list[Any] = self._database.execute(query, (asked,)).fetchall()
        return [Mail(**dict(zip(("number", *FIELDS), row, strict=True))) for row in rows]

    def clear(self) -> None:
        with self._lock, self._database:
            self._database.execute("DELETE FROM mail")

    def close(self) -> None:
        self._database.close()

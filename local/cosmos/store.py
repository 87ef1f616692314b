"""state directory -> one SQLite connection -> transactions that are committed before anything is answered

WAL with synchronous=NORMAL keeps every acknowledged write when the process is killed (not when the power fails).
An exclusive lock keeps a second emulator off the same directory.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SCHEMA_VERSION: Final = 1
OLDEST_SQLITE: Final = (3, 38, 0)  # the operator ->

_SCHEMA = """
CREATE TABLE databases (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rid TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
CREATE TABLE containers (
    number INTEGER PRIMARY KEY, database INTEGER NOT NULL REFERENCES databases ON DELETE CASCADE,
    id TEXT NOT NULL, rid TEXT NOT NULL UNIQUE, body TEXT NOT NULL, lsn INTEGER NOT NULL DEFAULT 0,
    UNIQUE (database, id)) STRICT;
CREATE TABLE items (
    number INTEGER PRIMARY KEY AUTOINCREMENT, container INTEGER NOT NULL REFERENCES containers ON DELETE CASCADE,
    pk TEXT NOT NULL, id TEXT NOT NULL, epk TEXT NOT NULL, etag TEXT NOT NULL, lsn INTEGER NOT NULL,
    ts INTEGER NOT NULL, expires REAL, body TEXT NOT NULL, UNIQUE (container, pk, id)) STRICT;
CREATE INDEX items_by_container ON items (container);
CREATE INDEX items_by_partition ON items (container, pk);
CREATE INDEX items_by_lsn ON items (container, lsn);
CREATE INDEX items_by_expiry ON items (container, expires) WHERE expires IS NOT NULL;
CREATE TABLE unique_values (
    item INTEGER NOT NULL REFERENCES items ON DELETE CASCADE, container INTEGER NOT NULL, pk TEXT NOT NULL,
    rule INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (container, pk, rule, value)) STRICT, WITHOUT ROWID;
CREATE INDEX unique_values_by_item ON unique_values (item);
"""


class StoreError(Exception):
    """The state directory cannot be used; the message says why and what to do."""


class Store:
    """All state of one emulator. One thread, one connection."""

    def __init__(self, state: Path | None) -> None:
        """Open `state`/cosmos.sqlite, or memory if there is no state directory.

        Raises:
            StoreError: unwritable, in use by another emulator, of another version, or SQLite too old.
        """
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            message = f"SQLite {sqlite3.sqlite_version} is too old; 3.38 or newer is needed."
            raise StoreError(message)
        where = "memory" if state is None else str(state)
        try:
            if state is not None:
                state.mkdir(parents=True, exist_ok=True)
            path = ":memory:" if state is None else str(state / "cosmos.sqlite")
            self.connection = sqlite3.connect(path, isolation_level=None, timeout=0)
            self._prepare()
        except OSError as error:
            message = f"The state directory {where} cannot be used: {error}."
            raise StoreError(message) from error
        except sqlite3.DatabaseError as error:
            self.connection.close()
            hint = "another emulator uses it" if "locked" in str(error) else "it is not a store of this emulator"
            message = f"The state in {where} cannot be opened ({error}): {hint}."
            raise StoreError(message) from error

    def _prepare(self) -> None:
        run = self.connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("BEGIN IMMEDIATE")
        (version,) = run("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            message = f"schema version {version}, this emulator writes {SCHEMA_VERSION}; delete the directory"
            raise sqlite3.DatabaseError(message)
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                run(statement)
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        run("COMMIT")
        (last,) = run("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'items'").fetchone()
        self._last_number: int = last

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing: commits when the block ends, rolls back when it raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def next_number(self) -> int:
        """A number that no item of this store ever had: it becomes the item's resource id."""
        self._last_number += 1
        return self._last_number

    def close(self) -> None:
        self.connection.close()

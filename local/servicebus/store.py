"""what changed in a tick -> one SQLite transaction; a new process reads it back

Without a directory nothing is kept. WAL with synchronous=NORMAL survives the death of the process, not that of the
machine: https://www.sqlite.org/pragma.html#pragma_synchronous

A locked message is kept with the delivery it is in already counted, so that after a kill it is simply available.
Bodies have a table of their own, because a change of state would rewrite them.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from local.servicebus.entities import Entity, Node
from local.servicebus.message import parse
from local.servicebus.queues import Entry, State
from local.servicebus.sessions import Sessions, SessionState

VERSION: Final = 1
FILE: Final = "servicebus.sqlite3"

_SCHEMA: Final = f"""
CREATE TABLE entry (
    node TEXT, seq INTEGER, state INTEGER, deliveries INTEGER, enqueued INTEGER, due INTEGER, expires INTEGER,
    PRIMARY KEY (node, seq)
) WITHOUT ROWID;
CREATE TABLE body (node TEXT, seq INTEGER, message BLOB, PRIMARY KEY (node, seq));
CREATE TABLE sequence (entity TEXT PRIMARY KEY, last INTEGER) WITHOUT ROWID;
CREATE TABLE session (node TEXT, id TEXT, data BLOB, updated INTEGER, PRIMARY KEY (node, id)) WITHOUT ROWID;
CREATE TABLE seen (entity TEXT, id TEXT, until INTEGER, PRIMARY KEY (entity, id)) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""


class StoreError(OSError):
    """The state directory cannot be used; the message says why and what to do."""


class Store:
    """The disk under a broker.

    Raises:
        StoreError: the directory cannot be written, is in use, or was written by another version.
    """

    def __init__(self, directory: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        self._kept: set[tuple[str, int]] = set()
        self._numbers: dict[str, int] = {}
        if directory is None:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._db = db = sqlite3.connect(directory / FILE, isolation_level=None, timeout=0.2)
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("BEGIN IMMEDIATE")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            db.execute("COMMIT")
            if version == 0:
                db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as wrong:
            raise StoreError(
                f"cannot keep state in {directory}: {wrong}. Is another emulator using it, or is it not ours?"
            ) from wrong
        if version not in (0, VERSION):
            raise StoreError(f"{directory / FILE} has version {version}, this emulator writes {VERSION}: delete it")

    def load(self, entities: Iterable[Entity]) -> None:
        """Put back what the last process left; entities that the config no longer has are left on disk."""
        if self._db is None:
            return
        for entity in entities:
            row = self._db.execute("SELECT last FROM sequence WHERE entity = ?", (entity.path,)).fetchone()
            entity.sequence.last = self._numbers[entity.path] = row[0] if row else 0
            if entity.history:
                query = "SELECT id, until FROM seen WHERE entity = ? ORDER BY until"
                entity.history.until.update(self._db.execute(query, (entity.path,)))
            for node in entity.nodes:
                self._load_node(self._db, node)

    def _load_node(self, db: sqlite3.Connection, node: Node) -> None:
        query = (
            "SELECT seq, state, deliveries, enqueued, due, expires, message"
            " FROM entry JOIN body USING (node, seq) WHERE node = ? ORDER BY seq"
        )
        for seq, state, deliveries, enqueued, due, expires, message in db.execute(query, (node.path,)):
            self._kept.add((node.path, seq))
            entry = Entry(seq, parse(message), enqueued, State(state), deliveries, due, expires)
            node.queue.restore(entry)
        if node.sessions:
            for session, data, updated in db.execute(
                "SELECT id, data, updated FROM session WHERE node = ?", (node.path,)
            ):
                node.sessions.states[session] = SessionState(data, updated)

    def commit(self, entities: Iterable[Entity]) -> None:
        """Everything these entities marked dirty, in one transaction; when it returns a kill loses nothing of it.

        Raises:
            StoreError: the disk would not take it; what memory holds is ahead of it from then on.
        """
        if self._db is None:
            for entity in entities:
                _forget(entity)
            return
        try:
            self._db.execute("BEGIN")
            for entity in {entity.path: entity for entity in entities}.values():
                self._write(self._db, entity)
                _forget(entity)
            self._db.execute("COMMIT")
        except sqlite3.Error as wrong:
            raise StoreError(
                f"the state could not be written: {wrong}. Restart the emulator when the disk is well"
            ) from wrong

    def _write(self, db: sqlite3.Connection, entity: Entity) -> None:
        if self._numbers.get(entity.path) != entity.sequence.last:
            self._numbers[entity.path] = entity.sequence.last
            db.execute("INSERT OR REPLACE INTO sequence VALUES (?, ?)", (entity.path, entity.sequence.last))
        if entity.history:
            for message_id in entity.history.dirty:
                until = entity.history.until.get(message_id)
                if until is None:
                    db.execute("DELETE FROM seen WHERE entity = ? AND id = ?", (entity.path, message_id))
                else:
                    db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (entity.path, message_id, until))
        for node in entity.nodes:
            for number in node.queue.dirty:
                self._write_entry(db, node.path, number, node.queue.entries.get(number))
            if node.sessions:
                _write_sessions(db, node.path, node.sessions)

    def _write_entry(self, db: sqlite3.Connection, path: str, number: int, entry: Entry | None) -> None:
        key = (path, number)
        if entry is None:
            if key in self._kept:
                self._kept.remove(key)
                db.execute("DELETE FROM entry WHERE node = ? AND seq = ?", key)
                db.execute("DELETE FROM body WHERE node = ? AND seq = ?", key)
            return
        if key not in self._kept:
            self._kept.add(key)
            db.execute("INSERT INTO body VALUES (?, ?, ?)", (*key, entry.message.wire()))
        deliveries = entry.delivery_count + (entry.lock is not None)
        state = (int(entry.state), deliveries, entry.enqueued, entry.due, entry.expires)
        db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, *state))

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None


def _write_sessions(db: sqlite3.Connection, path: str, sessions: Sessions) -> None:
    for session in sessions.dirty:
        state = sessions.states.get(session)
        if state is None:
            db.execute("DELETE FROM session WHERE node = ? AND id = ?", (path, session))
        else:
            db.execute("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)", (path, session, *state))


def _forget(entity: Entity) -> None:
    if entity.history:
        entity.history.dirty.clear()
    for node in entity.nodes:
        node.queue.dirty.clear()
        if node.sessions:
            node.sessions.dirty.clear()

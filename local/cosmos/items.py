"""one operation on one item of a logical partition -> rows -> its outcome

A single request is one operation in one commit; a transactional batch is many operations in one commit.
"""

import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal

from local.cosmos.documents import check_item, check_size, dumps, is_object, loads, without_system_properties
from local.cosmos.errors import (
    PARTITION_KEY_MISMATCH,
    bad_request,
    conflict,
    not_found,
    precondition_failed,
)
from local.cosmos.partition import PartitionKey, key_of_document
from local.cosmos.patch import apply_patch, parse_patch
from local.cosmos.resources import Container
from local.cosmos.store import Store

Kind = Literal["Create", "Upsert", "Read", "Replace", "Patch", "Delete"]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Operation:
    """What a client asks for: `id` names the item (not for Create and Upsert), `body` is its document or patch."""

    kind: Kind
    id: str | None = None
    body: Any = None
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True)
class Outcome:
    """HTTP status, the item's JSON text (None: no body) and its ETag."""

    status: int
    body: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class _Row:
    number: int
    etag: str
    body: str


class Commit:
    """The operations of one transaction on one container share one LSN, drawn at the first write."""

    def __init__(self, store: Store, container: Container, now: float) -> None:
        self.store = store
        self.container = container
        self.now = now

    @cached_property
    def lsn(self) -> int:
        (lsn,) = self.store.connection.execute(
            "UPDATE containers SET lsn = lsn + 1 WHERE number = ? RETURNING lsn", (self.container.number,)
        ).fetchone()
        return lsn


class Items:
    """The items of all containers. `matches` answers whether a patch's condition holds for a document."""

    def __init__(self, store: Store, matches: Callable[[str, str], bool], clock: Clock = time.time) -> None:
        self._store = store
        self._matches = matches
        self._clock = clock

    @contextmanager
    def commit(self, container: Container) -> Generator[Commit]:
        """All operations applied within the block become visible together, or none does if it raises."""
        now = self._clock()
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM items WHERE container = ? AND expires <= ?", (container.number, now)
            )  # an expired item is no more, even if the sweeper has not come by
            yield Commit(self._store, container, now)

    def lsn(self, container: Container) -> int:
        """The container's last LSN: what the session token tells a client it has seen."""
        (lsn,) = self._store.connection.execute(
            "SELECT lsn FROM containers WHERE number = ?", (container.number,)
        ).fetchone()
        return lsn

    def read(self, container: Container, key: PartitionKey, operation: Operation) -> Outcome:
        """A point read outside a transaction.

        Raises:
            CosmosError: 404.
        """
        row = self._find(container, key, operation.id, self._clock())
        if operation.if_none_match == row.etag:
            return Outcome(HTTPStatus.NOT_MODIFIED, None, row.etag)
        return Outcome(HTTPStatus.OK, row.body, row.etag)

    def apply(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        """Carry out one operation in partition `key`.

        Raises:
            CosmosError: 400 (document, key, patch), 404, 409 (id, unique key), 412 (ETag, condition), 413.
        """
        match operation.kind:
            case "Read":
                return self.read(commit.container, key, operation)
            case "Create":
                return self._create(commit, key, operation)
            case "Upsert":
                return self._upsert(commit, key, operation)
            case "Replace":
                return self._replace(commit, key, operation)
            case "Patch":
                return self._patch(commit, key, operation)
            case "Delete":
                return self._delete(commit, key, operation)

    def id_of_rid(self, container: Container, rid: str) -> str:
        """The id behind an item's resource id, as `_self` links carry it.

        Raises:
            CosmosError: 404.
        """
        row = self._store.connection.execute(
            "SELECT id FROM items WHERE number = ? AND container = ?", (container.number_of_item(rid), container.number)
        ).fetchone()
        if row is None:
            raise not_found(f"There is no item with the resource id '{rid}' in {container.path}.")
        return row[0]

    def expire(self) -> int:
        """Delete what has outlived its TTL; answers how many."""
        with self._store.transaction() as connection:
            return connection.execute("DELETE FROM items WHERE expires <= ?", (self._clock(),)).rowcount

    def _create(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        document = self._document(commit.container, key, operation.body)
        if self._row(commit.container, key, document["id"], commit.now) is not None:
            raise conflict(
                f"An item with id '{document['id']}' exists already in partition {key.text} of {commit.container.path}."
            )
        return self._write(commit, key, document, self._store.next_number(), HTTPStatus.CREATED, new=True)

    def _upsert(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        document = self._document(commit.container, key, operation.body)
        row = self._row(commit.container, key, document["id"], commit.now)
        if row is None:
            return self._write(commit, key, document, self._store.next_number(), HTTPStatus.CREATED, new=True)
        _check_etag(row, operation)
        return self._write(commit, key, document, row.number, HTTPStatus.OK, new=False)

    def _replace(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        document = self._document(commit.container, key, operation.body)
        if document["id"] != operation.id:
            raise bad_request(
                f"The item's id '{document['id']}' is not the id '{operation.id}' that is to be replaced."
            )
        row = self._find(commit.container, key, operation.id, commit.now)
        _check_etag(row, operation)
        return self._write(commit, key, document, row.number, HTTPStatus.OK, new=False)

    def _patch(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        patch = parse_patch(operation.body)
        row = self._find(commit.container, key, operation.id, commit.now)
        _check_etag(row, operation)
        if patch.condition is not None and not self._matches(patch.condition, row.body):
            raise precondition_failed(f"The patch's condition does not hold: {patch.condition}")
        changed = apply_patch(loads(row.body), patch.operations)
        if changed.get("id") != operation.id:
            raise bad_request("A patch may not change the item's id.")
        document = self._document(commit.container, key, changed)
        return self._write(commit, key, document, row.number, HTTPStatus.OK, new=False)

    def _delete(self, commit: Commit, key: PartitionKey, operation: Operation) -> Outcome:
        row = self._find(commit.container, key, operation.id, commit.now)
        _check_etag(row, operation)
        self._store.connection.execute("DELETE FROM items WHERE number = ?", (row.number,))
        _ = commit.lsn  # a deletion is a write: it moves the session token
        return Outcome(HTTPStatus.NO_CONTENT)

    def _document(self, container: Container, key: PartitionKey, body: Any) -> dict[str, Any]:
        document = check_item(body)
        own = key_of_document(document, container.paths)
        if own.text != key.text:
            raise bad_request(
                f"The item's partition key {own.text} at {', '.join(container.paths)} is not the one in the request's "
                f"header, {key.text}.",
                substatus=PARTITION_KEY_MISMATCH,
            )
        return document

    def _find(self, container: Container, key: PartitionKey, item_id: str | None, now: float) -> _Row:
        row = self._row(container, key, item_id, now)
        if row is None:
            raise not_found(f"There is no item '{item_id}' in partition {key.text} of {container.path}.")
        return row

    def _row(self, container: Container, key: PartitionKey, item_id: str | None, now: float) -> _Row | None:
        found = self._store.connection.execute(
            "SELECT number, etag, body FROM items WHERE container = ? AND pk = ? AND id = ? "
            "AND (expires IS NULL OR expires > ?)",
            (container.number, key.text, item_id, now),
        ).fetchone()
        return None if found is None else _Row(*found)

    def _write(
        self, commit: Commit, key: PartitionKey, document: dict[str, Any], number: int, status: int, *, new: bool
    ) -> Outcome:
        container, etag, ts = commit.container, f'"{uuid.uuid4()}"', int(commit.now)
        rid = container.item_rid(number)
        stored = without_system_properties(document) | {
            "_rid": rid,
            "_self": f"{container.self_link}docs/{rid}/",
            "_etag": etag,
            "_attachments": "attachments/",
            "_ts": ts,
        }
        body = check_size(dumps(stored))
        row = (key.text, document["id"], key.epk, etag, commit.lsn, ts, _expiry(container, document, commit.now), body)
        run = self._store.connection.execute
        if new:
            run(
                "INSERT INTO items (pk, id, epk, etag, lsn, ts, expires, body, number, container) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, number, container.number),
            )
        else:
            run(
                "UPDATE items SET pk = ?, id = ?, epk = ?, etag = ?, lsn = ?, ts = ?, expires = ?, body = ? "
                "WHERE number = ?",
                (*row, number),
            )
        self._claim_unique_values(container, key, document, number)
        return Outcome(status, body, etag)

    def _claim_unique_values(
        self, container: Container, key: PartitionKey, document: dict[str, Any], number: int
    ) -> None:
        """Unique keys hold within a logical partition; a missing property counts as null."""
        if not container.unique_keys:
            return
        run = self._store.connection.execute
        run("DELETE FROM unique_values WHERE item = ?", (number,))
        for rule, paths in enumerate(container.unique_keys):
            value = dumps([_value_at(document, path) for path in paths])
            taken = run(
                "INSERT INTO unique_values (item, container, pk, rule, value) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (number, container.number, key.text, rule, value),
            )
            if taken.rowcount == 0:
                raise conflict(
                    f"Unique index constraint violation: {', '.join(paths)} = {value} exists already in partition "
                    f"{key.text} of {container.path}."
                )


def _check_etag(row: _Row, operation: Operation) -> None:
    if operation.if_match is not None and operation.if_match not in (row.etag, "*"):
        raise precondition_failed(f"The item has changed: its ETag is {row.etag}, If-Match says {operation.if_match}.")


def _expiry(container: Container, document: dict[str, Any], now: float) -> float | None:
    if container.default_ttl is None:
        return None
    ttl = document.get("ttl", container.default_ttl)
    return None if ttl == -1 else now + ttl


def _value_at(document: Any, path: str) -> Any:
    for name in path.strip("/").split("/"):
        document = document.get(name.strip('"')) if is_object(document) else None
    return document

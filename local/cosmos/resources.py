"""definitions of databases and containers -> validated, kept in SQLite, found by name or by resource id

Resource ids (rids) are base64 of 4 bytes (database), 8 (container) or 16 (item), with '/' written as '-'. An
item's rid begins with its container's.
"""

import secrets
import time
import uuid
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.cosmos.documents import check_id, check_ttl, dumps, is_object, loads
from local.cosmos.errors import OWNER_NOT_FOUND, bad_request, conflict, explain, not_found
from local.cosmos.store import Store

MAX_NAME_BYTES = 255
# a segment of a path in a definition: "/a", "/a/b", "/\"a b\""
_Path = Annotated[str, Field(pattern=r'^(/([^/\\#?"*\[\]]+|"[^"\\]+"))+$', max_length=1024)]


class PartitionKeyDefinition(BaseModel):
    model_config = ConfigDict(extra="ignore")
    paths: list[_Path] = Field(min_length=1, max_length=3)
    kind: Literal["Hash", "MultiHash"] = "Hash"
    version: Literal[2] = 2

    @model_validator(mode="after")
    def levels_fit_the_kind(self) -> "PartitionKeyDefinition":
        if self.kind == "Hash" and len(self.paths) > 1:
            message = "several paths need kind MultiHash"
            raise ValueError(message)
        return self


class UniqueKey(BaseModel):
    paths: list[_Path] = Field(min_length=1, max_length=16)


class UniqueKeyPolicy(BaseModel):
    uniqueKeys: list[UniqueKey] = Field(default_factory=list[UniqueKey], max_length=10)  # noqa: N815 (the wire's name)


class CompositePath(BaseModel):
    path: str
    order: Literal["ascending", "descending"] = "ascending"


class IndexingPolicy(BaseModel):
    model_config = ConfigDict(extra="allow")
    compositeIndexes: list[list[CompositePath]] = []  # noqa: N815 (the wire's name)


class ContainerDefinition(BaseModel):
    """What a client may define of a container; unknown properties are kept and given back."""

    model_config = ConfigDict(extra="allow")
    id: str
    partitionKey: PartitionKeyDefinition  # noqa: N815 (the wire's name)
    uniqueKeyPolicy: UniqueKeyPolicy = UniqueKeyPolicy()  # noqa: N815
    indexingPolicy: IndexingPolicy = IndexingPolicy()  # noqa: N815
    defaultTtl: int | None = None  # noqa: N815


@dataclass(frozen=True)
class Database:
    number: int
    id: str
    rid: str
    body: str

    @property
    def path(self) -> str:
        return f"dbs/{self.id}"


@dataclass(frozen=True)
class Container:
    """A container's definition as the item operations need it. `body` is the JSON that clients get."""

    number: int
    database: Database
    id: str
    rid: str
    body: str
    paths: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    composite_indexes: tuple[tuple[tuple[str, str], ...], ...]
    default_ttl: int | None

    @property
    def path(self) -> str:
        """dbs/{database}/colls/{container}: the name in messages, scopes and counters."""
        return f"{self.database.path}/colls/{self.id}"

    @property
    def self_link(self) -> str:
        return f"dbs/{self.database.rid}/colls/{self.rid}/"

    def item_rid(self, number: int) -> str:
        return _encode_rid(_decode_rid(self.rid) + number.to_bytes(8, "big"))

    def number_of_item(self, rid: str) -> int:
        return int.from_bytes(_decode_rid(rid)[8:], "big")


class Resources:
    """The databases and containers of one account, held in memory and written through."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._databases: dict[str, Database] = {}
        self._containers: dict[tuple[str, str], Container] = {}
        for number, name, rid, body in store.connection.execute("SELECT number, id, rid, body FROM databases"):
            self._databases[name] = Database(number, name, rid, body)
        by_number = {database.number: database for database in self._databases.values()}
        for number, owner, rid, body in store.connection.execute("SELECT number, database, rid, body FROM containers"):
            container = _container(number, by_number[owner], rid, body)
            self._containers[container.database.id, container.id] = container

    def database(self, name: str) -> Database:
        """By id, or by rid as in `_self` links.

        Raises:
            CosmosError: 404.
        """
        found = self._databases.get(name) or next((d for d in self._databases.values() if d.rid == name), None)
        if found is None:
            raise not_found(f"Database '{name}' does not exist.", substatus=OWNER_NOT_FOUND)
        return found

    def container(self, database: str, name: str) -> Container:
        """By ids, or by rids as in `_self` links.

        Raises:
            CosmosError: 404 that says which of the two is missing.
        """
        owner = self.database(database)
        found = self._containers.get((owner.id, name)) or next(
            (c for c in self._containers.values() if c.rid == name and c.database is owner), None
        )
        if found is None:
            raise not_found(f"Container '{name}' does not exist in database '{owner.id}'.", substatus=OWNER_NOT_FOUND)
        return found

    def containers(self) -> list[Container]:
        return list(self._containers.values())

    def create_database(self, body: bytes) -> Database:
        """Raises CosmosError 400 for a bad id, 409 if it exists."""
        definition = loads(body)
        name = check_id(definition.get("id") if is_object(definition) else None, "database id", MAX_NAME_BYTES)
        if name in self._databases:
            raise conflict(f"Database '{name}' already exists.")
        rid = _encode_rid(secrets.token_bytes(4))
        text = dumps(
            {"id": name, "_rid": rid, "_self": f"dbs/{rid}/", "_colls": "colls/", "_users": "users/"} | _stamp()
        )
        with self._store.transaction() as connection:
            cursor = connection.execute("INSERT INTO databases (id, rid, body) VALUES (?, ?, ?)", (name, rid, text))
        self._databases[name] = Database(_rowid(cursor.lastrowid), name, rid, text)
        return self._databases[name]

    def delete_database(self, database: Database) -> None:
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM databases WHERE number = ?", (database.number,))
        del self._databases[database.id]
        self._containers = {key: c for key, c in self._containers.items() if c.database is not database}

    def create_container(self, database: Database, body: bytes) -> Container:
        """Raises CosmosError 400 for a bad definition, 409 if the container exists."""
        definition = _definition(body)
        if (database.id, definition.id) in self._containers:
            raise conflict(f"Container '{definition.id}' already exists in database '{database.id}'.")
        rid = _encode_rid(_decode_rid(database.rid) + secrets.token_bytes(4))
        text = _container_body(definition, database, rid)
        with self._store.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO containers (database, id, rid, body) VALUES (?, ?, ?, ?)",
                (database.number, definition.id, rid, text),
            )
        return self._remember(_container(_rowid(cursor.lastrowid), database, rid, text))

    def replace_container(self, container: Container, body: bytes) -> Container:
        """New TTL and indexing policy; partition key, unique keys and id are for life.

        Raises:
            CosmosError: 400 that names what may not change.
        """
        definition = _definition(body)
        text = _container_body(definition, container.database, container.rid)
        changed = _container(container.number, container.database, container.rid, text)
        for what, before, after in (
            ("id", container.id, changed.id),
            ("partitionKey", container.paths, changed.paths),
            ("uniqueKeyPolicy", container.unique_keys, changed.unique_keys),
        ):
            if before != after:
                raise bad_request(f"The {what} of container '{container.id}' cannot change; create another container.")
        with self._store.transaction() as connection:
            connection.execute("UPDATE containers SET body = ? WHERE number = ?", (text, container.number))
            connection.execute(_RESET_EXPIRY, {"container": container.number, "default": changed.default_ttl})
        return self._remember(changed)

    def delete_container(self, container: Container) -> None:
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM containers WHERE number = ?", (container.number,))
        del self._containers[container.database.id, container.id]

    def _remember(self, container: Container) -> Container:
        self._containers[container.database.id, container.id] = container
        return container


# an item expires `ttl` seconds after its last write; without a default on the container, never
_RESET_EXPIRY = """
UPDATE items SET expires = CASE
    WHEN :default IS NULL OR coalesce(body ->> '$.ttl', :default) = -1 THEN NULL
    ELSE ts + coalesce(body ->> '$.ttl', :default) END
WHERE container = :container"""


def _definition(body: bytes) -> ContainerDefinition:
    try:
        definition = ContainerDefinition.model_validate(loads(body))
    except ValidationError as error:
        raise bad_request(f"The container's definition is invalid: {explain(error)}.") from None
    check_id(definition.id, "container id", MAX_NAME_BYTES)
    if definition.defaultTtl is not None:
        check_ttl(definition.defaultTtl)
    return definition


def _container_body(definition: ContainerDefinition, database: Database, rid: str) -> str:
    described = definition.model_dump(exclude_none=True)
    links = {"_self": f"dbs/{database.rid}/colls/{rid}/", "_docs": "docs/", "_sprocs": "sprocs/"}
    return dumps(described | {"_rid": rid} | links | _stamp())


def _container(number: int, database: Database, rid: str, body: str) -> Container:
    definition = ContainerDefinition.model_validate(loads(body))
    composite = definition.indexingPolicy.compositeIndexes
    return Container(
        number=number,
        database=database,
        id=definition.id,
        rid=rid,
        body=body,
        paths=tuple(definition.partitionKey.paths),
        unique_keys=tuple(tuple(key.paths) for key in definition.uniqueKeyPolicy.uniqueKeys),
        composite_indexes=tuple(tuple((entry.path, entry.order) for entry in index) for index in composite),
        default_ttl=definition.defaultTtl,
    )


def _stamp() -> dict[str, Any]:
    return {"_etag": f'"{uuid.uuid4()}"', "_ts": int(time.time())}


def _encode_rid(data: bytes) -> str:
    return b64encode(data, altchars=b"+-").decode()


def _decode_rid(rid: str) -> bytes:
    try:
        return b64decode(rid, altchars=b"+-", validate=True)
    except ValueError:
        return b""


def _rowid(value: int | None) -> int:
    if value is None:
        raise AssertionError  # an INSERT always has one
    return value

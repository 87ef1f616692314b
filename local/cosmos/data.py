"""requests about items -> point operation, batch, query or change feed -> answers"""

import sqlite3
from collections.abc import Callable

from local.cosmos.account import method_not_allowed
from local.cosmos.batch import parse_batch, run_batch
from local.cosmos.documents import loads
from local.cosmos.errors import CONTAINER_RID_MISMATCH, bad_request
from local.cosmos.faults import Activity
from local.cosmos.feed import changes, parse_start
from local.cosmos.http import Answer, Request, answer_list
from local.cosmos.items import Items, Kind, Operation, Outcome
from local.cosmos.partition import (
    EVERYTHING,
    PartitionKey,
    PhysicalRange,
    key_of_header,
    owner_of,
    range_by_id,
)
from local.cosmos.query.page import Source
from local.cosmos.resources import Container, Resources

_KINDS: dict[str, Kind] = {"GET": "Read", "PUT": "Replace", "PATCH": "Patch", "DELETE": "Delete"}
_CHARGES: dict[Kind, float] = {"Read": 1.0, "Create": 6.0, "Upsert": 6.0, "Replace": 10.0, "Patch": 10.0, "Delete": 6.0}
_PLACES = ("x-ms-start-epk", "x-ms-end-epk", "x-ms-documentdb-partitionkeyrangeid")
_QUERY_PLAN = "x-ms-cosmos-is-query-plan-request"
_LATEST, _ALL = "Incremental Feed", "Full-Fidelity Feed"


def activity_of(request: Request) -> Activity:
    """What a request amounts to, for roles, faults and counts."""
    match request.route.kind, request.method:
        case "items", "GET":
            return "feeds" if "a-im" in request.headers else "queries"
        case "items", _ if request.flag("x-ms-cosmos-is-batch-request"):
            return "batches"
        case "items", _ if request.flag("x-ms-documentdb-isquery") or request.flag(_QUERY_PLAN):
            return "queries"
        case "item", "GET":
            return "reads"
        case "item" | "items", _:
            return "writes"
        case _:
            return "metadata"


class Data:
    """Answers for the items of all containers."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        resources: Resources,
        items: Items,
        ranges: tuple[PhysicalRange, ...],
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._resources = resources
        self._items = items
        self._ranges = ranges
        self._clock = clock

    def answer(self, request: Request) -> Answer:
        """Raises CosmosError for everything but success."""
        database, name, *item = request.route.names
        container = self._resources.container(database, name)
        intended = request.headers.get("x-ms-cosmos-intended-collection-rid")
        if intended not in (None, container.rid):
            message = f"Container '{container.id}' was created anew: its rid is {container.rid}, not {intended}."
            raise bad_request(message, substatus=CONTAINER_RID_MISMATCH)
        activity = activity_of(request)
        if request.method not in (("GET", "POST") if request.route.kind == "items" else _KINDS):
            raise method_not_allowed(request)
        match activity:
            case "batches":
                return self._batch(request, container)
            case "feeds":
                return self._changes(request, container)
            case "queries":
                return self._query(request, container)
            case _:
                by_rid = bool(item) and database == container.database.rid and name == container.rid
                item_id = self._items.id_of_rid(container, item[0]) if by_rid else (item or [None])[0]
                return self._single(request, container, item_id)

    # --- one item ---

    def _single(self, request: Request, container: Container, item_id: str | None) -> Answer:
        upsert = request.flag("x-ms-documentdb-is-upsert")
        kind = _KINDS[request.method] if item_id is not None else "Upsert" if upsert else "Create"
        operation = Operation(
            kind,
            item_id,
            None if kind in ("Read", "Delete") else loads(request.body),
            request.headers.get("if-match"),
            request.headers.get("if-none-match"),
        )
        key = self._key(request, container)
        if kind == "Read":
            outcome = self._items.read(container, key, operation)
        else:
            with self._items.commit(container) as commit:
                outcome = self._items.apply(commit, key, operation)
        return self._answer_item(request, container, key, outcome, _CHARGES[kind])

    def _answer_item(
        self, request: Request, container: Container, key: PartitionKey, outcome: Outcome, charge: float
    ) -> Answer:
        minimal = request.method != "GET" and request.headers.get("prefer", "").lower() == "return=minimal"
        headers = self._session(container, owner_of(self._ranges, key.epk))
        if outcome.etag:
            headers["etag"] = outcome.etag
        return Answer(outcome.status, None if minimal else outcome.body, headers, charge)

    def _batch(self, request: Request, container: Container) -> Answer:
        operations = parse_batch(request.body)
        key = self._key(request, container)
        status, text = run_batch(self._items, container, key, operations)
        charge = sum(_CHARGES[operation.kind] for operation in operations)
        return Answer(status, text, self._session(container, owner_of(self._ranges, key.epk)), charge)

    def _key(self, request: Request, container: Container) -> PartitionKey:
        header = request.headers.get("x-ms-documentdb-partitionkey")
        if header is None:
            raise bad_request(
                "The header x-ms-documentdb-partitionkey is missing; it is a JSON array with the value at "
                f"{', '.join(container.paths)}."
            )
        return key_of_header(header, container.paths)

    # --- many items ---

    def _query(self, request: Request, container: Container) -> Answer:
        from local.cosmos.query.door import query, read_all  # sqlglot takes 0.3 s to import

        if request.flag(_QUERY_PLAN):
            raise bad_request("This emulator answers queries itself and makes no query plans.")
        size, continuation = request.page_size(), request.headers.get("x-ms-continuation")
        source, cross_partition = self._source(request, container)
        if request.method == "GET":
            page = read_all(self._connection, source, size=size, continuation=continuation)
        else:
            page = query(
                self._connection,
                request.body,
                source,
                size=size,
                continuation=continuation,
                container=container,
                cross_partition=cross_partition,
            )
        return answer_list(container.rid, "Documents", page.texts, self._session(container) | page.headers)

    def _source(self, request: Request, container: Container) -> tuple[Source, bool]:
        """Which items a query may see: one logical partition, a range of EPKs, or all of them."""
        condition = "container = :container AND (expires IS NULL OR expires > :now)"
        bound = {"container": container.number, "now": self._clock()}
        if header := request.headers.get("x-ms-documentdb-partitionkey"):
            key = key_of_header(header, container.paths)
            return Source("items", f"{condition} AND pk = :pk", bound | {"pk": key.text}), False
        narrowed = any(header in request.headers for header in _PLACES)
        if not narrowed and request.method == "POST" and not request.flag("x-ms-documentdb-query-enablecrosspartition"):
            raise bad_request(
                "Cross partition query is required but disabled. Please set "
                "x-ms-documentdb-query-enablecrosspartition to true (enable_cross_partition_query=True), "
                "or specify a partition key."
            )
        low, high = self._epks(request)
        place = {"low": low, "high": high}
        return Source("items", f"{condition} AND epk >= :low AND epk < :high", bound | place), not narrowed

    def _changes(self, request: Request, container: Container) -> Answer:
        mode = request.headers["a-im"]
        if mode == _ALL:
            raise bad_request(
                "The change feed mode AllVersionsAndDeletes is not part of this emulator; use LatestVersion."
            )
        if mode != _LATEST:
            raise bad_request(f"The A-IM header is '{mode[:80]}'; it must be '{_LATEST}'.")
        headers = request.headers
        start = parse_start(headers.get("if-none-match"), headers.get("if-modified-since"), self._items.lsn(container))
        size = request.page_size()
        found = changes(self._connection, container, start, self._epks(request), size, self._clock())
        about = self._session(container) | {"etag": f'"{found.position}"'}
        if not found.texts:
            return Answer(304, headers=about)
        return answer_list(container.rid, "Documents", found.texts, about)

    def _epks(self, request: Request) -> tuple[str, str]:
        """[low, high) as the headers narrow it: a physical range, an EPK range, or both."""
        low, high = EVERYTHING
        range_id = request.headers.get("x-ms-documentdb-partitionkeyrangeid")
        if range_id:
            physical = range_by_id(self._ranges, range_id)
            low, high = physical.minimum, physical.maximum
        low = max(low, request.headers.get("x-ms-start-epk", low).upper())
        return low, min(high, request.headers.get("x-ms-end-epk", high).upper())

    def _session(self, container: Container, partition: PhysicalRange | None = None) -> dict[str, str]:
        """The token of what was seen, for one physical range or for all of them."""
        lsn = self._items.lsn(container)
        seen = self._ranges if partition is None else (partition,)
        headers = {
            "x-ms-session-token": ",".join(f"{physical.id}:-1#{lsn}" for physical in seen),
            "x-ms-alt-content-path": container.path,
            "lsn": str(lsn),
        }
        return headers if partition is None else headers | {"x-ms-documentdb-partitionkeyrangeid": partition.id}

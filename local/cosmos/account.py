"""requests about the account, databases, containers and their ranges -> resources -> answers"""

import sqlite3
from collections.abc import Callable

from local.cosmos.documents import dumps
from local.cosmos.errors import CosmosError
from local.cosmos.http import LARGEST_PAGE, Answer, Request, answer_list
from local.cosmos.partition import PhysicalRange
from local.cosmos.query.page import Source
from local.cosmos.resources import Resources

# no writableLocations: the SDK would switch to the URL in there
_ACCOUNT = {
    "id": "emulator",
    "_rid": "emulator",
    "_self": "",
    "_dbs": "//dbs/",
    "enableMultipleWriteLocations": False,
    "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
}


class Account:
    """Answers for what lies above the items. `ranges` are the physical partitions of every container."""

    def __init__(self, connection: sqlite3.Connection, resources: Resources, ranges: tuple[PhysicalRange, ...]) -> None:
        self._connection = connection
        self._resources = resources
        self._ranges = ranges
        self._doors: dict[str, tuple[str, Callable[[Request], Answer]]] = {
            "account": ("GET", lambda _: Answer(200, dumps(_ACCOUNT))),
            "databases": ("GET POST", self._databases),
            "database": ("GET DELETE", self._database),
            "containers": ("GET POST", self._containers),
            "container": ("GET PUT DELETE", self._container),
            "ranges": ("GET", self._partition_key_ranges),
        }

    def answer(self, request: Request) -> Answer:
        """Raises CosmosError 400, 404, 405, 409."""
        methods, door = self._doors[request.route.kind]
        if request.method not in methods.split():
            raise method_not_allowed(request)
        return door(request)

    def _databases(self, request: Request) -> Answer:
        if request.method == "POST" and not request.flag("x-ms-documentdb-isquery"):
            return Answer(201, self._resources.create_database(request.body).body)
        return self._list(request, "", "Databases", Source("databases", "1", {}))

    def _database(self, request: Request) -> Answer:
        database = self._resources.database(*request.route.names)
        if request.method == "GET":
            return Answer(200, database.body)
        self._resources.delete_database(database)
        return Answer(204)

    def _containers(self, request: Request) -> Answer:
        database = self._resources.database(*request.route.names)
        if request.method == "POST" and not request.flag("x-ms-documentdb-isquery"):
            return Answer(201, self._resources.create_container(database, request.body).body)
        source = Source("containers", "database = :database", {"database": database.number})
        return self._list(request, database.rid, "DocumentCollections", source)

    def _container(self, request: Request) -> Answer:
        container = self._resources.container(*request.route.names)
        if request.method == "DELETE":
            self._resources.delete_container(container)
            return Answer(204)
        if request.method == "PUT":
            container = self._resources.replace_container(container, request.body)
        return Answer(200, container.body)

    def _list(self, request: Request, rid: str, name: str, source: Source) -> Answer:
        from local.cosmos.query.door import query, read_all  # sqlglot takes 0.3 s to import

        size, continuation = request.page_size(LARGEST_PAGE), request.headers.get("x-ms-continuation")
        if request.method == "POST":
            page = query(self._connection, request.body, source, size=size, continuation=continuation)
        else:
            page = read_all(self._connection, source, size=size, continuation=continuation)
        return answer_list(rid, name, page.texts, page.headers)

    def _partition_key_ranges(self, request: Request) -> Answer:
        """The SDK reads this feed until it is told 304."""
        container = self._resources.container(*request.route.names)
        etag = f'"{len(self._ranges)}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(304, headers={"etag": etag})
        texts = [
            dumps(
                {"id": r.id, "_rid": container.rid, "minInclusive": r.minimum, "maxExclusive": r.maximum, "parents": []}
            )
            for r in self._ranges
        ]
        return answer_list(container.rid, "PartitionKeyRanges", texts, {"etag": etag})


def method_not_allowed(request: Request) -> CosmosError:
    return CosmosError(405, f"{request.method} is not possible on {request.route.kind}.")

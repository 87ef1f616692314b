"""ASGI: read -> route -> authorize -> fault? -> handle -> answer

Every request ends in an answer: what is malformed in {"code", "message"}, a bug of ours in a 500 and the log.
"""

import asyncio
import hmac
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from local.cosmos.account import Account
from local.cosmos.auth import Authority, Need
from local.cosmos.data import Data, activity_of
from local.cosmos.documents import dumps
from local.cosmos.errors import CosmosError, too_large
from local.cosmos.faults import Activity, Call, Counts, Faults, parse_fault
from local.cosmos.http import Answer, Request, answer_error
from local.cosmos.resources import Resources
from local.cosmos.routes import Route, parse_route

MAX_BODY_BYTES = 4 * 1024 * 1024
_MOST_DISCARDED = 64 * 1024 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NEEDS: dict[Activity, Need] = {
    "reads": "read",
    "queries": "read",
    "feeds": "read",
    "writes": "write",
    "batches": "write",
}
_log = logging.getLogger(__name__)


class Gateway:
    """The gateway of one account as an ASGI application."""

    def __init__(self, authority: Authority, resources: Resources, account: Account, data: Data) -> None:
        self._authority = authority
        self._resources = resources
        self._account = account
        self._data = data
        self.faults = Faults()
        self.counts = Counts()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _read(receive)
            answer = await self._answer(scope["method"], scope["raw_path"], headers, body)
        except CosmosError as error:
            answer = answer_error(error)
        except Exception:  # noqa: BLE001 (the last line of defence: logged, and answered with 500)
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = answer_error(CosmosError(500, "The emulator failed on this request; its log says why."))
        await _send(send, answer, headers.get("x-ms-activity-id"))

    async def _answer(self, method: str, raw_path: bytes, headers: dict[str, str], body: bytes) -> Answer:
        route = parse_route(raw_path)
        request = Request(method, route, headers, body)
        if route.kind in ("faults", "counts"):
            return self._administer(request)
        principal = self._authority.identify(method, route, headers)
        activity = activity_of(request)
        path, database, container = self._place(route)
        principal.demand(_need(request, activity), path)
        call = Call(method, database, container, principal.name, activity)
        fault = self.faults.take(call)
        failure = fault.error() if fault else None
        self.counts.add(call, "faults" if failure else activity)
        if fault:
            await asyncio.sleep(fault.delayMs / 1000)
        if failure and not (fault and fault.afterCommit):
            raise failure
        answer = (self._data if activity != "metadata" else self._account).answer(request)
        if failure:
            raise failure
        return answer

    def _place(self, route: Route) -> tuple[str, str, str]:
        """Path and names of where a request goes; ids even where the request uses resource ids."""
        database, container, *_ = (*route.names, "", "")
        with suppress(CosmosError):
            database = self._resources.database(database).id
            container = self._resources.container(database, container).id
        path = "/".join(
            part for pair in zip(("dbs", "colls"), (database, container), strict=True) if pair[1] for part in pair
        )
        return path, database, container

    def _administer(self, request: Request) -> Answer:
        """Faults and counts, with `Authorization: Bearer <the owner's key>`."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._authority.root.key}".encode()):
            raise CosmosError(401, "This door wants 'Authorization: Bearer <key>' with the owner's account key.")
        match request.route.kind, request.method:
            case "faults", "POST":
                self.faults.add(parse_fault(request.body))
                return Answer(201)
            case "faults", "GET":
                return Answer(200, dumps([fault.model_dump() for fault in self.faults.waiting()]))
            case "faults", "DELETE":
                self.faults.clear()
                return Answer(204)
            case "counts", "GET":
                return Answer(200, dumps(self.counts.as_dict()))
            case "counts", "DELETE":
                self.counts.clear()
                return Answer(204)
            case _:
                raise CosmosError(405, f"{request.method} is not possible here; use GET, DELETE, or POST for faults.")


def _need(request: Request, activity: Activity) -> Need:
    asks = request.method == "GET" or (request.method == "POST" and request.flag("x-ms-documentdb-isquery"))
    return _NEEDS.get(activity, "metadata" if asks else "own")


async def _read(receive: Receive) -> bytes:
    """The whole body. One that is too large is read and dropped, or the client would not hear the answer."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        more = message.get("more_body", False) and size < _MOST_DISCARDED
    if size > MAX_BODY_BYTES:
        raise too_large(f"Request size is too large: {size} bytes or more, at most {MAX_BODY_BYTES} are read.")
    return b"".join(chunks)


async def _send(send: Send, answer: Answer, activity_id: str | None) -> None:
    body = b"" if answer.body is None else answer.body.encode()
    headers = {
        "content-type": "application/json",
        "x-ms-activity-id": activity_id or str(uuid.uuid4()),
        "x-ms-request-charge": str(answer.charge),
        "x-ms-gatewayversion": "emulator",
        **answer.headers,
    }
    if answer.status not in (204, 304):
        headers["content-length"] = str(len(body))
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})

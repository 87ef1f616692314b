"""a transactional batch -> its operations in one commit -> one result each, or none carried out

https://learn.microsoft.com/azure/cosmos-db/transactional-batch
"""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from local.cosmos.documents import dumps, loads
from local.cosmos.errors import CosmosError, bad_request, explain, too_large
from local.cosmos.items import Items, Kind, Operation, Outcome
from local.cosmos.partition import PartitionKey
from local.cosmos.resources import Container

MAX_OPERATIONS = 100
MAX_BYTES = 2 * 1024 * 1024


class BatchOperation(BaseModel):
    """One entry of the request's list, as the SDK writes it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    operationType: Kind  # noqa: N815 (the wire's name)
    id: str | None = None
    resourceBody: Any = None  # noqa: N815 (the wire's name)
    ifMatch: str | None = None  # noqa: N815 (the wire's name)
    ifNoneMatch: str | None = None  # noqa: N815 (the wire's name)

    def operation(self) -> Operation:
        return Operation(self.operationType, self.id, self.resourceBody, self.ifMatch, self.ifNoneMatch)


_LIST = TypeAdapter(Annotated[list[BatchOperation], Field(min_length=1)])


def parse_batch(body: bytes) -> list[Operation]:
    """Read the operations of a batch.

    Raises:
        CosmosError: 413 above 2 MB, 400 above 100 operations or for an entry that makes no sense.
    """
    if len(body) > MAX_BYTES:
        raise too_large(f"Request size is too large: the batch has {len(body)} bytes, at most {MAX_BYTES} are allowed.")
    try:
        entries = _LIST.validate_python(loads(body))
    except ValidationError as error:
        raise bad_request(f"The batch is invalid: {explain(error)}.") from None
    if len(entries) > MAX_OPERATIONS:
        raise bad_request(f"The batch has {len(entries)} operations, at most {MAX_OPERATIONS} are allowed.")
    for position, entry in enumerate(entries):
        if entry.operationType not in ("Create", "Upsert") and entry.id is None:
            raise bad_request(f"Operation {position} of the batch ({entry.operationType}) lacks an id.")
    return [entry.operation() for entry in entries]


def run_batch(items: Items, container: Container, key: PartitionKey, operations: list[Operation]) -> tuple[int, str]:
    """HTTP status and JSON text: 200 with every outcome, or 207 with the failed one and 424 for the others.

    A failing operation rolls all of them back.
    """
    outcomes: list[Outcome] = []
    try:
        with items.commit(container) as commit:
            for operation in operations:
                outcomes.append(items.apply(commit, key, operation))  # noqa: PERF401 (the count is needed on failure)
    except CosmosError as error:
        failed = len(outcomes)
        results = [
            _result(error.status if at == failed else HTTPStatus.FAILED_DEPENDENCY) for at in range(len(operations))
        ]
        return HTTPStatus.MULTI_STATUS, f"[{','.join(results)}]"
    results = [_result(outcome.status, outcome.etag, outcome.body) for outcome in outcomes]
    return HTTPStatus.OK, f"[{','.join(results)}]"


def _result(status: int, etag: str | None = None, body: str | None = None) -> str:
    head = {"statusCode": int(status), "requestCharge": 1.0} | ({"eTag": etag} if etag else {})
    text = dumps(head)
    return text if body is None else f'{text[:-1]},"resourceBody":{body}}}'

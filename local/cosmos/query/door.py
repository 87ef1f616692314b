"""a query request -> parsed, compiled, checked against what Azure would refuse -> a page"""

import sqlite3
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from local.cosmos.documents import loads
from local.cosmos.errors import bad_request, explain
from local.cosmos.query.compile import compile_query
from local.cosmos.query.page import Page, Source, run
from local.cosmos.query.parse import parse
from local.cosmos.query.plan import Plan
from local.cosmos.resources import Container


class Parameter(BaseModel):
    name: Annotated[str, Field(pattern=r"^@\w+$")]
    value: Any = None


class QueryRequest(BaseModel):
    query: str
    parameters: list[Parameter] = []


def query(
    connection: sqlite3.Connection,
    body: bytes,
    source: Source,
    *,
    size: int,
    continuation: str | None,
    container: Container | None = None,
    cross_partition: bool = False,
) -> Page:
    """Answer a query over the rows of `source`; `container` is None for lists of databases and containers.

    Raises:
        CosmosError: 400 for what is malformed, outside the supported subset, or refused by Azure too.
    """
    try:
        request = QueryRequest.model_validate(loads(body))
    except ValidationError as error:
        message = f'The query is invalid: {explain(error)}; the body is {{"query": "SELECT ...", "parameters": [...]}}.'
        raise bad_request(message) from None
    plan = compile_query(parse(request.query), {parameter.name: parameter.value for parameter in request.parameters})
    if container is not None:
        _refuse_without_index(plan, container)
        if cross_partition:
            _refuse_across_partitions(plan)
    return run(connection, plan, source, size=size, continuation=continuation)


def read_all(connection: sqlite3.Connection, source: Source, *, size: int, continuation: str | None) -> Page:
    """Every row of `source`, a page at a time."""
    return run(connection, compile_query(parse("SELECT * FROM c"), {}), source, size=size, continuation=continuation)


def matches(connection: sqlite3.Connection, condition: str, document: str) -> bool:
    """Whether a patch's condition (`from c where ...`) holds for a document's JSON text.

    Raises:
        CosmosError: 400 if it is no such condition.
    """
    query = parse(f"SELECT * {condition}")
    if query.select.args.get("where") is None:
        raise bad_request(f"A patch's condition is written 'from c where ...', got '{condition[:80]}'.")
    alone = Source("(SELECT 1 AS number, :document AS body)", "1", {"document": document})
    return bool(run(connection, compile_query(query, {}), alone).texts)


def _refuse_without_index(plan: Plan, container: Container) -> None:
    """https://learn.microsoft.com/azure/cosmos-db/index-policy#composite-indexes"""
    if len(plan.order) < 2:  # noqa: PLR2004 (one property needs no composite index)
        return
    asked = tuple(
        ("/" + "/".join(map(str, order.path)), "descending" if order.descending else "ascending")
        for order in plan.order
    )
    flipped = {"ascending": "descending", "descending": "ascending"}
    reverse = tuple((path, flipped[order]) for path, order in asked)
    if not {asked, reverse} & set(container.composite_indexes):
        wanted = ", ".join(f"{path} {order}" for path, order in asked)
        raise bad_request(
            "The order by query does not have a corresponding composite index that it can be served from: "
            f"add ({wanted}) to indexingPolicy.compositeIndexes of container '{container.id}'."
        )


def _refuse_across_partitions(plan: Plan) -> None:
    """What azure-cosmos cannot do over partitions in Azure (its execution_dispatcher.py), it must not do here."""
    if plan.group or (plan.aggregated and not plan.value):
        raise bad_request(
            "Cross partition query only supports 'VALUE <AggregateFunc>' for aggregates, and no GROUP BY; "
            "query one partition_key or aggregate in the client."
        )

"""query text -> a sqlglot SELECT plus what sqlglot does not know (TOP, VALUE)

BigQuery's dialect reads what Cosmos has too: "double-quoted" strings, [array] and {object} literals, @parameters
and ??. Its functions are switched off, so that every call arrives as a name with arguments.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import SqlglotError

from local.cosmos.errors import CosmosError, bad_request

MAX_QUERY_CHARACTERS = 512 * 1024  # https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits
SUPPORTED = (
    "supported are SELECT [DISTINCT] [TOP n] [VALUE] ... FROM c [WHERE ...] [GROUP BY ...] [ORDER BY ...] "
    "[OFFSET n LIMIT m]; no JOIN, EXISTS, subqueries or user-defined functions"
)
_HEAD = re.compile(
    r"\s*SELECT\b(?:\s+(?P<distinct>DISTINCT)\b)?(?:\s+TOP\s+(?P<top>\d+|@\w+))?(?:\s+(?P<value>VALUE)\b)?",
    re.IGNORECASE | re.ASCII,
)


class _Cosmos(BigQuery):
    class Parser(BigQuery.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True)
class Query:
    """A parsed query; `top` is the number or @parameter as written."""

    select: exp.Select
    top: str | None
    value: bool
    distinct: bool


def refuse(what: str) -> CosmosError:
    return bad_request(f"This emulator does not support {what} in a query; {SUPPORTED}.")


@lru_cache(maxsize=256)
def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        CosmosError: 400 that says where the text stops making sense, and what is supported.
    """
    if len(text) > MAX_QUERY_CHARACTERS:
        raise bad_request(f"The query has {len(text)} characters, at most {MAX_QUERY_CHARACTERS} are allowed.")
    head = _HEAD.match(text)
    if head is None:
        raise bad_request(f"Syntax error: a query begins with SELECT; {SUPPORTED}.")
    try:
        statements = _Cosmos().parse("SELECT " + text[head.end() :])
    except RecursionError:
        raise bad_request("The query is nested too deeply; split it.") from None
    except (SqlglotError, ValueError, TypeError, AttributeError, LookupError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise bad_request(f"Syntax error in the query: {reason} {SUPPORTED}.") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise refuse("more or other than one SELECT")
    return Query(statements[0], head["top"], bool(head["value"]), bool(head["distinct"]))

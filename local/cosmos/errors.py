"""a refusal, raised anywhere -> the status, headers and {"code", "message"} the SDK reads"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# substatus codes as in azure.cosmos.http_constants.SubStatusCodes
PARTITION_KEY_MISMATCH = 1001
PARTITION_KEY_RANGE_GONE = 1002
OWNER_NOT_FOUND = 1003
CONTAINER_RID_MISMATCH = 1024
RBAC_DENIED = 5300

_CODES = {
    HTTPStatus.PRECONDITION_FAILED: "PreconditionFailed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RequestEntityTooLarge",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
    449: "RetryWith",
}


class CosmosError(Exception):
    """An answer other than success. `status` is the HTTP status, `substatus` Cosmos' finer code (0: none)."""

    def __init__(
        self, status: int, message: str, *, substatus: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.substatus = substatus
        self.headers = dict(headers or {})

    @property
    def code(self) -> str:
        """The word that Cosmos puts into the body: `NotFound` for 404 and so on."""
        if self.status in _CODES:
            return _CODES[self.status]
        try:
            return HTTPStatus(self.status).phrase.replace(" ", "")
        except ValueError:
            return "Unknown"


def bad_request(message: str, *, substatus: int = 0) -> CosmosError:
    return CosmosError(HTTPStatus.BAD_REQUEST, message, substatus=substatus)


def not_found(message: str, *, substatus: int = 0) -> CosmosError:
    return CosmosError(HTTPStatus.NOT_FOUND, message, substatus=substatus)


def conflict(message: str) -> CosmosError:
    return CosmosError(HTTPStatus.CONFLICT, message)


def precondition_failed(message: str) -> CosmosError:
    return CosmosError(HTTPStatus.PRECONDITION_FAILED, message)


def too_large(message: str) -> CosmosError:
    return CosmosError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def explain(error: "ValidationError") -> str:
    """Pydantic's findings as one sentence: `where: what is wrong (got value)`."""
    findings: list[str] = []
    for found in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in found["loc"]) or "body"
        given = repr(found["input"])
        shown = given if len(given) <= 80 else given[:77] + "..."  # noqa: PLR2004
        findings.append(f"{where}: {found['msg']} (got {shown})")
    return "; ".join(findings)

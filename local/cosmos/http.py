"""what a handler gets and gives: a request with its route, an answer with its headers"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.cosmos.documents import dumps
from local.cosmos.errors import CosmosError, bad_request
from local.cosmos.routes import Route

# https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits
MAX_PAGE_BYTES = 4 * 1024 * 1024
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Request:
    """Header names are lower-case."""

    method: str
    route: Route
    headers: Mapping[str, str]
    body: bytes = b""

    def flag(self, header: str) -> bool:
        """Clients write True as well as true."""
        return self.headers.get(header, "").lower() == "true"

    def page_size(self, default: int = DEFAULT_PAGE) -> int:
        """x-ms-max-item-count; absent is `default`, -1 (the server's choice) is 1000.

        Raises:
            CosmosError: 400 if it is neither -1 nor a positive whole number.
        """
        text = self.headers.get("x-ms-max-item-count")
        if text is None:
            return default
        if text == "-1":
            return LARGEST_PAGE
        if not (text.isascii() and text.isdecimal()) or not int(text[:9]) > 0:
            raise bad_request(f"x-ms-max-item-count is '{text[:40]}'; it must be -1 or a whole number from 1.")
        return min(int(text[:9]), LARGEST_PAGE)


@dataclass(frozen=True)
class Answer:
    """`body` is JSON text; None sends none. `charge` is the request units that the answer claims."""

    status: int
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    charge: float = 1.0


def answer_error(error: CosmosError) -> Answer:
    headers = {**error.headers, "x-ms-substatus": str(error.substatus)}
    return Answer(error.status, dumps({"code": error.code, "message": error.message}), headers)


def answer_list(rid: str, name: str, texts: list[str], headers: Mapping[str, str] | None = None) -> Answer:
    """The envelope of every list: its owner's rid, the entries under their resource's name, how many they are."""
    body = f'{{"_rid":"{rid}","{name}":[{",".join(texts)}],"_count":{len(texts)}}}'
    return Answer(200, body, {"x-ms-item-count": str(len(texts)), **(headers or {})}, charge=2.5)

"""what the API has against a request -> its error shape: `{"error": {message, type, param, code}}`"""

from typing import Any

from pydantic_core import from_json


class ApiError(Exception):
    """An answer in the API's error shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def parse_json(body: bytes) -> Any:
    """Foreign JSON: no NaN, no endless nesting.

    Raises:
        ApiError: 400 in the API's words.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        message = f"We could not parse the JSON body of your request: {error}."
        raise ApiError(400, message) from error

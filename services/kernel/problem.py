"""What is wrong with a request -> problem+json (RFC 9457), and answers in general."""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import azure.functions as func
from azure.servicebus.exceptions import ServiceBusError

from services.kernel.outcome import Retry

NOT_TAKEN = "Service Bus did not acknowledge; send the same again, under the same ids: what has arrived counts once"

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


class Problem(Exception):  # noqa: N818 - named for what the caller gets
    """Refuse a request: `detail` says what is wrong, which value, what is allowed; `more` are further members."""

    def __init__(self, status: int, slug: str, detail: str, **more: Any) -> None:
        super().__init__(f"{status} {slug}: {detail}")
        self.status, self.slug, self.detail, self.more = status, slug, detail, more

    def response(self) -> func.HttpResponse:
        body = {
            "type": f"urn:problem:{self.slug}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return func.HttpResponse(json.dumps(body), status_code=self.status, mimetype="application/problem+json")


def answers(handler: Handler) -> Handler:
    """Let a function answer with the problem that it raises; what may pass is 503, and says when to come again.

    A broker that cannot be reached is such: a door keeps nothing, so the caller must.
    """

    @wraps(handler)
    async def answering(request: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return problem.response()
        except Retry as retry:
            return _later(Problem(503, retry.reason, retry.description), retry.after)
        except ServiceBusError as error:
            return _later(Problem(503, "broker-away", f"{NOT_TAKEN} ({type(error).__name__})"))

    return answering


def _later(problem: Problem, after: float | None = None) -> func.HttpResponse:
    response = problem.response()
    response.headers["Retry-After"] = str(max(1, round(after or 5)))
    return response


def ok(content: Any, status: int = 200) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(json.dumps(content, default=str), status_code=status, mimetype="application/json")

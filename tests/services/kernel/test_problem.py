"""What a door answers when it refuses, and when it cannot"""

import json
from typing import Any

import azure.functions as func
import pytest
from azure.servicebus.exceptions import ServiceBusConnectionError

from services.kernel.outcome import Retry
from services.kernel.problem import Problem, answers, ok

REQUEST = func.HttpRequest("GET", "http://host/api/x", body=b"")


async def answer(raised: Exception) -> func.HttpResponse:
    @answers
    async def door(request: func.HttpRequest) -> func.HttpResponse:
        raise raised

    return await door(REQUEST)


async def test_a_problem_is_told_as_rfc_9457_has_it() -> None:
    response = await answer(Problem(409, "not-pending", "it is decided already", by="ada"))

    assert (response.status_code, response.mimetype) == (409, "application/problem+json")
    assert json.loads(response.get_body()) == {
        "type": "urn:problem:not-pending",
        "title": "Conflict",
        "status": 409,
        "detail": "it is decided already",
        "by": "ada",
    }


@pytest.mark.parametrize(
    ("raised", "slug", "after"),
    [
        (Retry("store-busy", "Cosmos DB answered 429", 7.4), "store-busy", "7"),
        (Retry("store-busy", "Cosmos DB answered 429", 0.02), "store-busy", "1"),
        (Retry("store-busy", "Cosmos DB answered 503"), "store-busy", "5"),
        (ServiceBusConnectionError(message="refused"), "broker-away", "5"),
    ],
)
async def test_what_may_pass_says_when_to_come_again(raised: Exception, slug: str, after: str) -> None:
    response = await answer(raised)

    assert response.status_code == 503
    assert response.headers["Retry-After"] == after
    assert json.loads(response.get_body())["type"] == f"urn:problem:{slug}"


async def test_a_fault_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        await answer(ZeroDivisionError())


async def test_what_goes_well_goes_through() -> None:
    @answers
    async def door(request: func.HttpRequest) -> func.HttpResponse:
        content: Any = {"a": "ä"}
        return ok(content, 202)

    response = await door(REQUEST)

    assert (response.status_code, response.mimetype) == (202, "application/json")
    assert json.loads(response.get_body()) == {"a": "ä"}

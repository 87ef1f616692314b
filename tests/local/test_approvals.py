"""Deciding from the command line: an approval is named by how its id begins, as long as that names one."""

import httpx
import pytest

from local.approvals import _decide
from local.processes import StackError

WAITING = {"start~bfc3": ("http://127.0.0.1:1", {}), "start~b001": ("http://127.0.0.1:1", {})}
VERDICT = {"decision": "approve", "comment": ""}


@pytest.fixture
def client() -> httpx.Client:
    """Answers as the door of the service does, and says which approval was meant."""

    def answer(request: httpx.Request) -> httpx.Response:
        approval = request.url.path.rpartition("/")[2]
        return httpx.Response(202, json={"approval": approval, "decision": "approve", "by": "ada"})

    return httpx.Client(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("name", ["start~bf", "start~bfc3"])
def test_the_beginning_of_an_id_is_enough_if_it_names_one(client: httpx.Client, name: str) -> None:
    assert _decide(client, WAITING, name, VERDICT) == "start~bfc3: approve, by ada"


@pytest.mark.parametrize("name", ["", "start", "ship"])
def test_what_names_none_or_several_is_refused_with_those_that_wait(client: httpx.Client, name: str) -> None:
    with pytest.raises(StackError, match="start~bfc3, start~b001"):
        _decide(client, WAITING, name, VERDICT)

"""Who calls, as the platform says: nobody else is believed, and nothing that cannot be read."""

import base64
import json
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.caller import PRINCIPAL, Caller
from services.kernel.problem import Problem


def request(header: str | None) -> func.HttpRequest:
    headers = {} if header is None else {PRINCIPAL: header}
    return func.HttpRequest("GET", "http://host/api/x", headers=headers, body=b"")


def encoded(content: Any) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def principal(*claims: tuple[str, str]) -> func.HttpRequest:
    return request(encoded({"auth_typ": "aad", "claims": [{"typ": kind, "val": value} for kind, value in claims]}))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ([("name", "Ada Berg"), ("preferred_username", "ada@shop.example"), ("sub", "s")], "ada@shop.example"),
        ([("name", "Ada Berg"), ("sub", "s")], "Ada Berg"),
        ([("azp", "app-2"), ("sub", "s")], "app-2"),
        ([("appid", "app-1"), ("sub", "s")], "app-1"),
        ([("preferred_username", ""), ("sub", "s")], "s"),
        ([("sub", "first"), ("sub", "second")], "first"),
    ],
)
def test_a_caller_has_the_name_that_says_most_to_people(claims: list[tuple[str, str]], name: str) -> None:
    assert Caller.of(principal(*claims)).name == name


def test_roles_come_under_either_name_and_no_other() -> None:
    long = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

    caller = Caller.of(principal(("sub", "s"), ("roles", "A"), (long, "B"), ("groups", "C"), ("scp", "D")))

    assert caller.roles == {"A", "B"}


def test_who_lacks_a_role_is_told_which_and_what_they_have() -> None:
    ada = Caller("ada", frozenset({"Cases.Read", "Events.Send"}))

    ada.must_have("Events.Send")
    with pytest.raises(Problem) as refused:
        ada.must_have("Approvals.Decide")
    assert (refused.value.status, refused.value.slug) == (403, "forbidden")
    assert refused.value.detail == "ada needs the app role Approvals.Decide and has Cases.Read, Events.Send"
    with pytest.raises(Problem, match="and has none"):
        Caller("bob", frozenset()).must_have("Events.Send")


@pytest.mark.parametrize(
    "header",
    [
        None, "", "not base64", base64.b64encode(b"no json").decode(), encoded(7), encoded([]), encoded({}),
        encoded({"claims": None}), encoded({"claims": [7]}), encoded({"claims": [{"typ": "sub"}]}),
        encoded({"claims": []}), encoded({"claims": [{"typ": "roles", "val": "Events.Send"}]}),
    ],
)  # fmt: skip
def test_who_is_nobody_is_not_let_in(header: str | None) -> None:
    with pytest.raises(Problem) as refused:
        Caller.of(request(header))
    assert refused.value.status == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["claims", "typ", "val"]), inner),
    max_leaves=6,
)


@given(
    st.text(max_size=20) | JSON.map(encoded) | st.lists(JSON, max_size=3).map(lambda each: encoded({"claims": each}))
)
def test_whatever_stands_in_the_header_it_is_a_caller_or_401(header: str) -> None:
    try:
        caller = Caller.of(request(header))
    except Problem as problem:
        status = problem.status
    else:
        status = 200 if caller.name else 500
    assert status in (200, 401)

"""patch operations against an oracle that keeps documents as flat tables of paths"""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cosmos.documents import dumps
from local.cosmos.errors import CosmosError
from local.cosmos.patch import apply_patch, parse_patch

names = st.sampled_from(["a", "b", "c/d", "e~f", "0"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.just(1e308) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(names, values, max_size=4)
paths = st.lists(names | st.sampled_from(["-", "1", "2", "01", "-1"]), min_size=1, max_size=3)
operations = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "set", "replace", "remove", "incr", "move"]),
        "path": paths,
        "from": paths,
        "value": values,
    }
)


def pointer(path: list[str]) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def wire(operation: dict[str, Any]) -> dict[str, Any]:
    parts = {"op": operation["op"], "path": pointer(operation["path"])}
    if operation["op"] == "move":
        return parts | {"from": pointer(operation["from"])}
    return parts if operation["op"] == "remove" else parts | {"value": operation["value"]}


class Impossible(Exception):  # noqa: N818 (the oracle's word)
    pass


def position(name: str, last: int) -> int:
    if name in [str(n) for n in range(last + 1)]:
        return int(name)
    raise Impossible


def holder(document: Any, path: list[str]) -> Any:
    """What holds the last name of the path."""
    if len(path) == 1:
        if not isinstance(document, dict | list):
            raise Impossible
        return document
    if isinstance(document, dict) and path[0] in document:
        return holder(document[path[0]], path[1:])
    if isinstance(document, list):
        return holder(document[position(path[0], len(document) - 1)], path[1:])
    raise Impossible


def expected(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:  # noqa: C901 (one case each)
    """One operation, from the words of the documentation."""
    document, path, value = deepcopy(document), operation["path"], deepcopy(operation["value"])
    if operation["op"] == "move":
        source = operation["from"]
        if len(path) > len(source) and path[: len(source)] == source:
            raise Impossible
        place = holder(document, source)
        moved = (
            place[position(source[-1], len(place) - 1)]
            if isinstance(place, list)
            else place.get(source[-1], Impossible)
        )
        if moved is Impossible:
            raise Impossible
        without = expected(document, operation | {"op": "remove", "path": source})
        return expected(without, operation | {"op": "add", "value": moved})
    place, name = holder(document, path), path[-1]
    there = name in place if isinstance(place, dict) else name in [str(n) for n in range(len(place))]
    match operation["op"], isinstance(place, dict):
        case "add" | "set", True:
            place[name] = value
        case "add", False:
            place.insert(len(place) if name == "-" else position(name, len(place)), value)
        case "set", False if name == "-":
            place.append(value)
        case "incr", True if not there and number(value):
            place[name] = value
        case (("set" | "replace"), _) if there:
            place[name if isinstance(place, dict) else int(name)] = value
        case "remove", _ if there:
            del place[name if isinstance(place, dict) else int(name)]
        case "incr", _ if there and number(value):
            key = name if isinstance(place, dict) else int(name)
            if not number(place[key]) or abs(place[key] + value) == float("inf"):
                raise Impossible
            place[key] += value
        case _:
            raise Impossible
    return document


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@settings(max_examples=300, deadline=None)
@given(document=documents, steps=st.lists(operations, min_size=1, max_size=4))
def test_a_patch_does_what_the_documentation_says_or_nothing(
    document: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    before = deepcopy(document)
    patch = parse_patch({"operations": [wire(step) for step in steps]})
    try:
        wanted: Any = document
        for step in steps:
            wanted = expected(wanted, step)
    except Impossible:
        wanted = None

    if wanted is None:
        with pytest.raises(CosmosError) as caught:
            apply_patch(document, patch.operations)
        assert caught.value.status == 400
        assert "Patch operation" in caught.value.message
    else:
        assert dumps(apply_patch(document, patch.operations)) == dumps(wanted)
    assert document == before


@given(body=values | st.fixed_dictionaries({"operations": st.lists(values | operations, max_size=3)}))
def test_a_body_that_is_no_patch_is_a_400(body: Any) -> None:
    with pytest.raises(CosmosError, match="The patch is invalid") as caught:
        parse_patch(body)

    assert caught.value.status == 400


def test_the_sdks_name_for_incr_is_understood() -> None:
    patch = parse_patch({"operations": [{"op": "incr", "path": "/n", "value": 2}]})

    assert apply_patch({"n": 1}, patch.operations) == {"n": 3}

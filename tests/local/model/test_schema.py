"""Which schemas the stand-in takes, and what it says of the others."""

from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel

from local.model.answers import fits
from local.model.schema import SchemaError, read_schema
from local.model.shapes import Schema
from tests.local.model.worlds import closed, strict_schemas


class Step(BaseModel):
    """An example."""

    action: Literal["refund", "wait"]
    amount: float | None
    then: "list[Step]"


class Plan(BaseModel):
    first: Step
    tags: list[Literal["a", "b"]]
    either: int | bool | str


def nested(levels: int) -> dict[str, Any]:
    return closed({"inner": nested(levels - 1)} if levels > 1 else {"leaf": {"type": "string"}})


def doubling(levels: int) -> dict[str, Any]:
    """Each definition has two of the next: the smallest answer has 2 ** levels values."""
    ref = [{"$ref": f"#/$defs/d{level}"} for level in range(levels + 1)]
    defs = {f"d{level}": closed({"l": ref[level + 1], "r": ref[level + 1]}) for level in range(levels)}
    return closed({"start": ref[0]}, **{"$defs": {**defs, f"d{levels}": {"type": "string"}}})


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        (["no object"], "a schema is a JSON object"),
        (
            {"type": "array", "items": STRING},
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'",
        ),
        ({"anyOf": [closed({})]}, "got 'type: \"anyOf\"'"),
        ({"type": "object", "properties": {}}, "In context=(), 'additionalProperties' is required to be supplied"),
        (
            {**closed({}), "additionalProperties": True},
            "'additionalProperties' is required to be supplied and to be false",
        ),
        (closed({"a": {"type": "object", "properties": {}}}), "In context=('properties', 'a'), 'additionalProperties'"),
        ({**closed({"roles": STRING}), "required": []}, "an array including every key in properties. Missing 'roles'"),
        (closed({}, required=["ghost"]), "'required' names 'ghost', which 'properties' does not have"),
        (closed({"a": {**STRING, "minLength": 1}}), "In context=('properties', 'a'), 'minLength' is not permitted"),
        (closed({"a": {"type": "integer", "maximum": 3}}), "'maximum' is not permitted"),
        (closed({"a": {"type": "array", "items": STRING, "maxItems": 3}}), "'maxItems' is not permitted"),
        (closed({"a": {**STRING, "pattern": "x"}}), "'pattern' is not permitted"),
        (closed({"a": {**STRING, "format": "email"}}), "'format' is not permitted"),
        (closed({"a": {**STRING, "default": "x"}}), "'default' is not permitted"),
        (closed({"a": {"oneOf": [STRING]}}), "'oneOf' is not permitted"),
        (closed({"a": {"allOf": [STRING]}}), "'allOf' is not permitted"),
        (closed({"a": {}}), "In context=('properties', 'a'), schema must have a 'type' key"),
        (closed({"a": {"enum": ["x"]}}), "schema must have a 'type' key"),
        (closed({"a": {"type": "text"}}), "type 'text' is not supported; there are: string"),
        (closed({"a": {"type": {}}}), "type {} is not supported"),
        (closed({"a": {**STRING, "enum": []}}), "'enum' must be an array of at least one value"),
        (
            closed({"a": {**STRING, "enum": ["x", None]}}),
            "enum value None does not validate against {'type': 'string'}",
        ),
        (closed({"a": {"type": "integer", "enum": [True]}}), "enum value True does not validate"),
        (closed({"a": {"anyOf": []}}), "'anyOf' must be an array of at least one schema"),
        (closed({"a": {"type": "array"}}), "array schema missing items"),
        (closed({"a": {"$ref": "#/$defs/Ghost"}}), "names no definition; there are: #"),
        (closed({"a": {"$ref": 7}}), "$ref must be a string"),
        (closed({"a": {"$ref": "#", "description": "x"}}), "$ref cannot have keywords {'description'}"),
        (closed({"a": STRING}, **{"$defs": 3}), "'$defs' must be an object of schemas"),
        (closed({"a": 7}), "a schema is a JSON object, not 7"),
        ({**closed({}), "properties": []}, "'properties' must be an object of schemas"),
        (nested(6), "6 levels of nesting exceeds limit of 5"),
        (closed({f"p{n}": STRING for n in range(101)}), "101 object properties exceed the limit of 100"),
        (closed({"a": {"type": "integer", "enum": list(range(1001))}}), "1001 enum values exceed the limit of 1000"),
        (closed({"a": {**STRING, "enum": [f"{n:0100}" for n in range(251)]}}), "an enum of more than 250 values"),
        (closed({"a": {"$ref": "#"}}), "'#' has no finite instance"),
        (closed({"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": {"$ref": "#/$defs/A"}}}), "refers to itself"),
        (
            closed({"a": STRING}, **{"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, STRING]}}}),
            "'#/$defs/A' refers to itself with nothing in between",
        ),
        (doubling(40), "cannot be satisfied with fewer than 10,000 values"),
    ],
)
def test_a_schema_that_the_api_would_refuse_is_refused_with_its_place(schema: Any, complaint: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        read_schema(schema)

    assert complaint in str(refusal.value)


def test_a_schema_that_nests_without_end_is_refused_before_it_is_walked() -> None:
    endless: dict[str, Any] = STRING
    for _ in range(500):
        endless = {"type": "array", "items": endless}

    with pytest.raises(SchemaError, match="nests more than 64 levels"):
        read_schema(closed({"a": endless}))


def test_what_the_sdk_makes_of_pydantic_models_is_accepted() -> None:
    schema = read_schema(to_strict_json_schema(Plan))

    step = {"action": "wait", "amount": None, "then": []}
    assert fits(schema, {"first": {**step, "then": [step]}, "tags": ["b"], "either": True})
    assert not fits(schema, {"first": {**step, "action": "steal"}, "tags": [], "either": 1})
    assert not fits(schema, {"first": step, "tags": ["c"], "either": 1})
    assert not fits(schema, {"first": step, "tags": [], "either": None})
    assert not fits(schema, {"first": step, "tags": [], "either": 1, "more": 1})


def test_a_boolean_is_no_number_and_a_number_no_boolean() -> None:
    schema = read_schema(closed({"n": {"type": "integer", "enum": [1]}, "b": {"type": "boolean"}}))

    assert fits(schema, {"n": 1, "b": True})
    assert not fits(schema, {"n": True, "b": True})
    assert not fits(schema, {"n": 1, "b": 1})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "anyOf", "$ref", "enum", "items", "$defs", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(_json, st.sampled_from(["type", "properties", "required", "additionalProperties", "$defs"]))
def test_no_json_makes_the_reader_stumble(odd: Any, keyword: str) -> None:
    reading = outcome({**closed({"a": STRING}), keyword: odd})

    assert isinstance(reading, Schema) or reading.endswith(".")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strict_schemas())
def test_reading_a_strict_schema_ends_in_shapes_or_in_a_reason(raw: dict[str, Any]) -> None:
    reading = outcome(raw)

    assert reading.size(reading.root) >= 1 if isinstance(reading, Schema) else reading


def outcome(raw: Any) -> Schema | str:
    try:
        return read_schema(raw)
    except SchemaError as refusal:
        return str(refusal)

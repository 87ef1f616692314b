"""What structured outputs accept: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from services.inference.questions import QUESTIONS
from services.kernel.closed_schema import REFUSED, OpenSchemaError, closed_schema
from tests.services.inference.facts import TYPICAL


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Add(BaseModel):
    kind: Literal["add"]
    amount: Annotated[float, Field(gt=0, le=10)]


class Drop(BaseModel):
    kind: Literal["drop"]
    why: Annotated[str, Field(min_length=1, max_length=80, pattern="^[a-z]+$")] = "because"


class Everything(BaseModel):
    """Each kind of field that an answer may have."""

    model_config = ConfigDict(extra="forbid")

    choice: Literal["a", "b"]
    one: Literal["only"]
    colour: Colour
    several: Annotated[tuple[Literal["x", "y"], ...], Field(min_length=1, max_length=2)]
    unique: set[int]
    maybe: int | None = None
    nested: Add
    steps: list[Annotated[Add | Drop, Field(discriminator="kind")]]
    title: str = Field(description="named like a keyword that is refused")


def parts(schema: object) -> Iterator[dict[str, Any]]:
    """Every schema within a schema; names of properties and definitions are no keywords."""
    if not isinstance(schema, dict):
        return
    yield schema
    for group in ("properties", "$defs"):
        for part in schema.get(group, {}).values():
            yield from parts(part)
    for part in [schema.get("items"), *schema.get("anyOf", [])]:
        yield from parts(part)


def assert_accepted(schema: dict[str, Any]) -> None:
    for part in parts(schema):
        assert not part.keys() & REFUSED, part
        assert not part.keys() & {"const", "oneOf", "allOf", "not"}, part
        if "$ref" in part:
            assert part.keys() == {"$ref"}
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
        if part.get("type") == "array":
            assert part["items"]


def test_a_closed_schema_has_no_bounds_and_closes_every_object() -> None:
    schema = closed_schema(Everything)
    assert_accepted(schema)
    assert schema["required"] == list(Everything.model_fields)
    assert schema["properties"]["one"] == {"enum": ["only"], "type": "string"}
    assert schema["$defs"]["Add"]["properties"]["amount"] == {"type": "number"}
    assert schema["properties"]["title"]["description"] == "named like a keyword that is refused"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_question_of_inference_sends_a_schema_that_is_accepted(question: Any) -> None:
    sent = question.response_format(TYPICAL[question.name])
    assert sent["json_schema"]["strict"] is True
    assert_accepted(sent["json_schema"]["schema"])


class FreeForm(BaseModel):
    anything: dict[str, str]


class Untyped(BaseModel):
    value: Any


class UntypedList(BaseModel):
    values: list[Any]


class BareList(BaseModel):
    values: list


class Pair(BaseModel):
    values: tuple[int, str]


class Hidden(BaseModel):
    inner: list[FreeForm | None]


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (FreeForm, "FreeForm.anything"),
        (Untyped, "Untyped.value"),
        (UntypedList, "UntypedList.values[]"),
        (BareList, "BareList.values[]"),
        (Pair, "Pair.values"),
        (Hidden, "Hidden.FreeForm.anything"),
    ],
)
def test_a_model_that_leaves_room_for_anything_is_refused_with_the_place(model: type[BaseModel], where: str) -> None:
    with pytest.raises(OpenSchemaError) as refused:
        closed_schema(model)
    assert str(refused.value).startswith(f"{where} ")


def test_a_bound_that_is_not_sent_is_enforced_when_the_answer_comes_back() -> None:
    with pytest.raises(ValueError, match="less than or equal to 10"):
        Add.model_validate_json('{"kind": "add", "amount": 11}')

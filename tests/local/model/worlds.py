"""A question as a service would ask it, strict schemas drawn at random, and a second opinion on what fits them."""

import json
from typing import Any, Literal

from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai.lib._pydantic import to_strict_json_schema
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

KEY = "the-key-of-this-test"
QUESTION = "customer_segment"


class Segment(BaseModel):
    segment: Literal["enterprise", "smb", "consumer"]
    approved: bool
    confidence: Literal["low", "medium", "high"]
    reason: str


SOBER = {"segment": "smb", "approved": False, "confidence": "high", "reason": "by the rules"}


def rules(facts_json: str) -> dict[str, Any]:
    json.loads(facts_json)
    return dict(SOBER)


def response_format(schema: dict[str, Any] | None = None, name: str = QUESTION) -> Any:
    schema = schema or to_strict_json_schema(Segment)
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def messages(facts: object) -> Any:
    content = json.dumps(facts).replace("<", "\\u003c")
    return [
        {"role": "system", "content": "Which segment is this customer in?"},
        {"role": "user", "content": f"What is known: <facts>{content}</facts>"},
    ]


async def ask(client: AsyncOpenAI, facts: object = None, **changes: Any) -> ChatCompletion:
    request = {
        "model": "small",
        "messages": messages(facts if facts is not None else {"name": "Contoso"}),
        "response_format": response_format(),
        "max_completion_tokens": 2000,
        **changes,
    }
    return await client.chat.completions.create(**request)


def answer(completion: ChatCompletion) -> dict[str, Any]:
    return json.loads(completion.choices[0].message.content or "")


def usage(completion: ChatCompletion) -> dict[str, Any]:
    assert completion.usage
    return completion.usage.model_dump()


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object schema as strict mode wants it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def conforms(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A second opinion, read straight from the JSON schema."""
    if "$ref" in schema:
        pointer = schema["$ref"]
        return conforms(value, root if pointer == "#" else root["$defs"][pointer.rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return any(conforms(value, option, root) for option in schema["anyOf"])
    if "enum" in schema and json.dumps(value) not in [json.dumps(legal) for legal in schema["enum"]]:
        return False
    if "const" in schema and json.dumps(value) != json.dumps(schema["const"]):
        return False
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return any(_is(value, kind, schema, root) for kind in kinds)


def _is(value: Any, kind: str, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if kind == "object":
        parts = schema["properties"]
        return (
            isinstance(value, dict)
            and set(value) == set(parts)
            and all(conforms(value[k], parts[k], root) for k in parts)
        )
    if kind == "array":
        return isinstance(value, list) and all(conforms(item, schema["items"], root) for item in value)
    python: dict[str, Any] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    return isinstance(value, python[kind]) and (kind == "boolean" or not isinstance(value, bool))


_names = st.sampled_from(["risk", "segment", "notes", "amount", "needs_reply", "next", "items", "type"])
_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
_leaves = st.one_of(
    st.lists(_words, min_size=1, max_size=4, unique=True).map(lambda values: {"type": "string", "enum": values}),
    st.lists(st.integers(-5, 5), min_size=1, max_size=4).map(lambda values: {"type": "integer", "enum": values}),
    st.sampled_from([True, False]).map(lambda value: {"type": "boolean", "const": value}),
    st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda kind: {"type": kind}),
    st.sampled_from(["string", "number"]).map(lambda kind: {"type": [kind, "null"]}),
    st.sampled_from(["#", "#/$defs/A", "#/$defs/B"]).map(lambda pointer: {"$ref": pointer}),
)
_schemas = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        inner.map(lambda option: {"anyOf": [option, {"type": "null"}]}),
        st.dictionaries(_names, inner, max_size=4).map(closed),
    ),
    max_leaves=12,
)


@st.composite
def strict_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Schemas as strict mode wants them; some are circular or endless all the same."""
    root = closed(draw(st.dictionaries(_names, _schemas, min_size=1, max_size=5)))
    return {**root, "$defs": {"A": draw(_schemas), "B": draw(_schemas)}}

"""request body -> what is asked, or the API's refusal

Shapes and sentences are those of OpenAI's chat completions (openai-python 3.54, types/chat); Azure's `/openai/v1/`
speaks the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from local.model.errors import ApiError, parse_json
from local.model.schema import SchemaError, read_schema
from local.model.shapes import JsonObject, Schema, is_list, is_object

OPEN, CLOSE = "<facts>", "</facts>"
EVENT_KEYS = ("event_key", "event_id")

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
CONTEXT_TOKENS = 272_000
"""What the gpt-5 family takes as input at most."""

REASONING = {"none": 0, "minimal": 0, "low": 64, "medium": 192, "high": 448, "xhigh": 960, "max": 1984}
"""Reasoning tokens per answer by effort: an order of magnitude, in the API's steps of 64."""
REASONING_MODELS = ("gpt-5", "o1", "o3", "o4")


class _TextPart(BaseModel):
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or [])


class _JsonSchema(BaseModel):
    name: Annotated[str, Field(pattern="^[a-zA-Z0-9_-]+$", max_length=64)]
    strict: Literal[True]
    schema_: Annotated[JsonObject, Field(alias="schema")]
    description: str | None = None


class _ResponseFormat(BaseModel):
    type: Literal["json_schema"]
    json_schema: _JsonSchema


class _Request(BaseModel):
    """What is understood. The last group changes nothing here; everything else is refused by name."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[_Message], Field(min_length=1)]
    response_format: _ResponseFormat
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    n: Literal[1] | None = None
    stream: Literal[False] | None = None

    seed: int | None = None
    user: str | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


@dataclass(frozen=True)
class Ask:
    """One question as it came over the wire.

    `facts` is the parsed JSON between the delimiters, None where there is none; `facts_hash` identifies it whatever the
    order of its keys. `repair` is set when an answer was already given and found wanting. `prefix_tokens` are those of
    the instructions and the schema, which a cache can hold under `prefix_key`; `room` is `max_completion_tokens`.
    """

    deployment: str
    model: str
    question: str
    schema: Schema
    facts: Any
    facts_json: str
    facts_hash: str
    event: str | None
    repair: bool
    prompt_tokens: int
    prefix_tokens: int
    prefix_key: str
    reasoning_tokens: int
    room: int | None


def read_ask(body: bytes, model_of: Callable[[str], str | None]) -> Ask:
    """Read a request to chat/completions; `model_of(deployment)` names the model behind a deployment, or None.

    Raises:
        ApiError: what the API would answer instead of asking a model.
    """
    request = _request(body)
    model = model_of(request.model)
    if model is None:
        message = f"The model `{request.model}` does not exist or you do not have access to it."
        raise ApiError(404, message, code="model_not_found")
    _refuse_for(model, request)
    name = request.response_format.json_schema.name
    raw_schema = request.response_format.json_schema.schema_
    facts_text = _facts_text(request.messages)
    facts = _json_or_none(facts_text)
    prefix = "".join(message.text for message in request.messages if message.role in ("system", "developer"))
    prefix += to_json(raw_schema).decode()
    rest = "".join(message.text for message in request.messages if message.role in ("user", "assistant"))
    prompt_tokens = tokens(prefix + rest) + TOKENS_PER_MESSAGE * len(request.messages)
    if prompt_tokens > CONTEXT_TOKENS:
        message = (
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted in "
            f"{prompt_tokens} tokens. Please reduce the length of the messages."
        )
        raise ApiError(400, message, param="messages", code="context_length_exceeded")
    try:
        schema = read_schema(raw_schema)
    except SchemaError as error:
        message = f"Invalid schema for response_format '{name}': {error}"
        raise ApiError(400, message, param="response_format") from error
    effort = request.reasoning_effort or "medium"
    return Ask(
        deployment=request.model,
        model=model,
        question=name,
        schema=schema,
        facts=facts,
        facts_json=facts_text,
        facts_hash=_hash(facts if facts is not None else facts_text),
        event=_event_key(facts),
        repair=any(message.role == "assistant" for message in request.messages),
        prompt_tokens=prompt_tokens,
        prefix_tokens=tokens(prefix),
        prefix_key=_hash(prefix),
        reasoning_tokens=REASONING[effort] if _reasons(model) else 0,
        room=request.max_completion_tokens or request.max_tokens,
    )


def tokens(text: str) -> int:
    """A stable estimate: four characters a token."""
    return ceil(len(text) / CHARACTERS_PER_TOKEN)


def _request(body: bytes) -> _Request:
    raw = parse_json(body)
    if not is_object(raw):
        raise ApiError(400, f"The body of your request must be a JSON object, not {raw!r:.80}.")
    try:
        return _Request.model_validate(raw)
    except ValidationError as error:
        raise _invalid(error, raw) from error


def _invalid(error: ValidationError, raw: JsonObject) -> ApiError:
    """The first problem, as the API names one at a time."""
    problem = error.errors(include_url=False)[0]
    steps = [str(step) for step in problem["loc"] if step not in ("str", "list[_TextPart]")]
    param = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps).removeprefix(".")
    if problem["type"] == "extra_forbidden":
        known = ", ".join(_Request.model_fields)
        message = f"Unrecognized request argument supplied: {param}. This stand-in understands: {known}."
        return ApiError(400, message, param=param)
    if problem["type"] == "missing":
        hint = " This stand-in answers by a strict json_schema only." if "response_format" in param else ""
        return ApiError(
            400, f"Missing required parameter: '{param}'.{hint}", param=param, code="missing_required_parameter"
        )
    code = "invalid_type" if problem["type"].endswith("_type") else "invalid_value"
    value = "" if problem["input"] is raw else f" (got {problem['input']!r:.80})"
    return ApiError(400, f"Invalid value for '{param}': {problem['msg']}{value}.", param=param, code=code)


def _refuse_for(model: str, request: _Request) -> None:
    """What reasoning models refuse that others take, and the other way round."""
    if not _reasons(model):
        if request.reasoning_effort is not None:
            raise ApiError(400, "Unrecognized request argument supplied: reasoning_effort", param="reasoning_effort")
        return
    if request.max_tokens is not None:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise ApiError(400, message, param="max_tokens", code="unsupported_parameter")
    if request.temperature not in (None, 1):
        message = (
            f"Unsupported value: 'temperature' does not support {request.temperature:g} with this model. Only the "
            "default (1) value is supported."
        )
        raise ApiError(400, message, param="temperature", code="unsupported_value")


def _reasons(model: str) -> bool:
    return model.startswith(REASONING_MODELS)


def _facts_text(messages: list[_Message]) -> str:
    """From the first opening to the last closing delimiter of the last user message that has both."""
    said = [message.text for message in messages if message.role == "user"]
    for text in reversed(said):
        start, end = text.find(OPEN), text.rfind(CLOSE)
        if 0 <= start < end:
            return text[start + len(OPEN) : end]
    return "\n".join(said)


def _json_or_none(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return None


def _hash(value: object) -> str:
    return sha256(to_json(_sorted(value))).hexdigest()[:16]


def _sorted(value: object) -> object:
    if is_object(value):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if is_list(value):
        return [_sorted(item) for item in value]
    return value


def _event_key(facts: object) -> str | None:
    if is_object(facts):
        for key in EVENT_KEYS:
            if isinstance(facts.get(key), str):
                return facts[key]
    return None

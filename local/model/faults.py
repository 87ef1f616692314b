"""a sober answer, a fault -> what happens to the call instead

With `strict: true` the API promises an answer that fits the schema, so invalid, open and illegal answers are failures
of the promise: an older deployment, a compatible server, a bug. A caller that validates survives them.
"""

import json
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal

from local.model.answers import choices, put
from local.model.errors import ApiError
from local.model.knobs import Fault
from local.model.request import Ask
from local.model.shapes import Choice, JsonObject, Schema
from local.model.stats import Outcome, Source, Tokens

FinishReason = Literal["stop", "length", "content_filter"]

REFUSAL = "I'm sorry, I can't assist with that request."
DEFAULT_RETRY_AFTER = 1.0
OUTSIDE = "outside-of-every-enum"


@dataclass(frozen=True)
class Said:
    """What happens to a call: a message (`content` or `refusal`), or an `error`, or a `reset` connection.

    `held` is for how many seconds beyond the latency it is held back.
    """

    outcome: Outcome
    source: Source
    content: str | None = None
    refusal: str | None = None
    finish: FinishReason = "stop"
    error: ApiError | None = None
    reset: bool = False
    held: float = 0
    tokens: Tokens = field(default_factory=Tokens)
    note: str = ""


def faulty(ask: Ask, answer: JsonObject, said: Said, fault: Fault) -> Said:
    """What becomes of a call that would have `said` this answer."""
    error = _error(ask, fault)
    if error or fault.kind == "reset":
        source: Source = "scripted" if said.source == "scripted" else "none"
        return Said(fault.kind, source, error=error, reset=error is None)
    return replace(said, outcome=fault.kind, **_spoilt(ask.schema, answer, fault))


def _error(ask: Ask, fault: Fault) -> ApiError | None:
    if fault.kind == "rate_limited":
        wait = DEFAULT_RETRY_AFTER if fault.retry_after is None else fault.retry_after
        message = f"Rate limit reached for {ask.deployment}. Please try again in {wait:g}s."
        return ApiError(429, message, kind="requests", code="rate_limit_exceeded", headers=_wait(wait))
    if fault.kind == "http_error":
        headers = {} if fault.retry_after is None else _wait(fault.retry_after)
        message = "The server had an error while processing your request. Sorry about that!"
        kind = "server_error" if fault.status >= 500 else "invalid_request_error"  # noqa: PLR2004
        return ApiError(fault.status, message, kind=kind, headers=headers)
    if fault.kind == "prompt_filtered":
        message = "The response was filtered due to the prompt triggering the content management policy."
        return ApiError(400, message, param="prompt", code="content_filter")
    return None


def _spoilt(schema: Schema, answer: JsonObject, fault: Fault) -> dict[str, Any]:
    """What a fault changes in the message."""
    changes: dict[str, dict[str, Any]] = {
        "timeout": {"held": fault.seconds},
        "invalid_json": {"content": not_json(answer)},
        "schema_violation": {"content": not_the_schema(answer)},
        "illegal_value": {"content": not_legal(schema, answer)},
        "truncated": {"content": "", "finish": "length"},
        "refusal": {"content": None, "refusal": REFUSAL},
        "content_filter": {"content": "", "finish": "content_filter"},
    }
    return changes[fault.kind]


def _wait(seconds: float) -> dict[str, str]:
    """Azure sends both: whole seconds, and milliseconds."""
    return {"retry-after": str(ceil(seconds)), "retry-after-ms": str(ceil(seconds * 1000))}


def not_json(answer: JsonObject) -> str:
    """The first half of the answer: an object that is never closed."""
    whole = json.dumps(answer)
    return whole[: max(1, len(whole) // 2)]


def not_the_schema(answer: JsonObject) -> str:
    """JSON with a property that nobody asked for and without the first that was."""
    kept = dict(list(answer.items())[1:])
    return json.dumps({**kept, "unasked": True})


def not_legal(schema: Schema, answer: JsonObject) -> str:
    """An enum's value outside the enum; where the schema has none, text where it does not belong."""
    leaves = list(choices(schema, answer))
    enums = [leaf for leaf in leaves if isinstance(leaf.shape, Choice)]
    for leaf in enums or leaves:
        wrong: object = OUTSIDE if enums or not isinstance(leaf.value, str) else [OUTSIDE]
        return json.dumps(put(answer, leaf.path, wrong))
    return not_the_schema(answer)

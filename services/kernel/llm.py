"""question -> one call of chat completions -> a valid answer, or trouble with a name.

One client speaks to OpenAI, Azure OpenAI and whatever is compatible. An answer that is not valid gets one repair: the
same conversation with what was wrong; every call is paid for and counted.
"""

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar, cast

from azure.core.exceptions import AzureError
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    BadRequestError,
    RateLimitError,
)
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from services.kernel import telemetry
from services.kernel.event import Event, EventData
from services.kernel.question import Answer, Facts, Question
from services.kernel.settings import ModelSettings

Size = Literal["small", "large", "economy"]

REQUEST_ID = "X-Client-Request-Id"
"""OpenAI keeps it beside its own request id, so that a call can be found again by its event."""

NOT_LET_IN = (401, 403, 404)
"""It is about us, not about the question: a role that has not arrived yet, a new key, a deployment under way."""
PACED = ("throttled", "not-let-in")
"""Trouble that tells nothing about the model's health: it does not open the breaker."""

A = TypeVar("A", bound=Answer)
F = TypeVar("F", bound=Facts)


@dataclass
class Usage:
    """Tokens of one or several calls."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    calls: int = 0

    def add(self, completion: ChatCompletion) -> dict[str, int]:
        """Count one completion; its own figures are returned."""
        usage = completion.usage
        prompt = usage.prompt_tokens_details if usage else None
        output = usage.completion_tokens_details if usage else None
        one = {
            "input": usage.prompt_tokens if usage else 0,
            "output": usage.completion_tokens if usage else 0,
            "cached": (prompt.cached_tokens or 0) if prompt else 0,
            "reasoning": (output.reasoning_tokens or 0) if output else 0,
        }
        self.input += one["input"]
        self.output += one["output"]
        self.cached += one["cached"]
        self.reasoning += one["reasoning"]
        self.calls += 1
        return one

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Completion(Generic[A]):
    """A valid answer: `model` is what the response names, `latency` is in seconds, repairs included."""

    answer: A
    model: str
    usage: Usage
    latency: float


@dataclass
class ModelTrouble(Exception):  # noqa: N818
    """The model gave no valid answer.

    `passing` trouble (429, 5xx, timeout) may be gone later, `after` seconds if the model said so; other trouble (an
    invalid answer, a refusal, a filter, a refused request) would come again.
    """

    reason: str
    description: str
    passing: bool
    after: float | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.description}"


class LanguageModel:
    """The model behind one endpoint, in its sizes."""

    def __init__(self, client: AsyncOpenAI, settings: ModelSettings) -> None:
        self._client, self._settings = client, settings
        self._slots = {size: asyncio.Semaphore(settings.concurrency) for size in ("small", "large", "economy")}

    def deployment(self, size: Size) -> str:
        return cast("str", getattr(self._settings, size))

    async def complete(self, question: Question[F, A], facts: F, size: Size, event: Event[EventData]) -> Completion[A]:
        """Ask once, repair once.

        Raises:
            ModelTrouble: with the usage so far, for it is paid for all the same.
        """
        usage = Usage()
        answer_type = question.answer(facts)
        messages = question.messages(facts)
        started = time.monotonic()
        problem = ""
        for _ in range(2):
            completion = await self._call(question, facts, messages, size, event, usage)
            text = _text(completion, usage)
            try:
                answer = answer_type.model_validate_json(text)
            except ValidationError as error:
                problem = (
                    f"{error.error_count()} problems, first: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
                )
                messages = [
                    *messages,
                    {"role": "assistant", "content": text},
                    {"role": "user", "content": f"Not valid: {problem}. Answer again, by the schema."},
                ]
            else:
                return Completion(answer, completion.model, usage, time.monotonic() - started)
        raise ModelTrouble("invalid-answer", problem, passing=False, usage=usage, model=self.deployment(size))

    async def _call(
        self,
        question: Question[F, A],
        facts: F,
        messages: list[dict[str, str]],
        size: Size,
        event: Event[EventData],
        usage: Usage,
    ) -> ChatCompletion:
        deployment = self.deployment(size)
        effort: dict[str, Any] = {"reasoning_effort": self._settings.effort} if self._settings.effort else {}
        async with self._slots[size]:
            with telemetry.model_span(
                question.name, question.version, deployment, self._settings.provider, event.type
            ) as span:
                started = time.monotonic()
                try:
                    create: Any = self._client.chat.completions.with_raw_response.create  # its overloads want types
                    async with asyncio.timeout(self._settings.timeout_seconds):  # in all: the client's is for each read
                        response = await create(
                            model=deployment,
                            messages=messages,
                            response_format=question.response_format(facts),
                            max_completion_tokens=question.max_output_tokens,
                            extra_headers={REQUEST_ID: event.key},
                            **effort,
                        )
                    completion = ChatCompletion.model_validate_json(response.text)
                except (APIStatusError, APIConnectionError) as error:
                    raise _trouble(error, usage, deployment) from error
                except TimeoutError as error:
                    raise ModelTrouble("timeout", "too slow", passing=True, usage=usage, model=deployment) from error
                except AzureError as error:  # no token for the endpoint
                    said = f"{type(error).__name__}: {error}"[:300]
                    raise ModelTrouble("not-let-in", said, passing=True, usage=usage, model=deployment) from error
                except ValidationError as error:  # the client itself takes any 200 for a completion
                    said = f"200, but no chat completion: {error.errors()[0]['msg']}"
                    raise ModelTrouble("no-completion", said, passing=True, usage=usage, model=deployment) from error
                telemetry.answered(
                    span,
                    model=completion.model,
                    usage=usage.add(completion),
                    finish=completion.choices[0].finish_reason if completion.choices else "none",
                    seconds=time.monotonic() - started,
                    event_type=event.type,
                )
        return completion


def _text(completion: ChatCompletion, usage: Usage) -> str:
    """The answer's text; what ends an answer early would end it again, so there is no repair for it."""
    choice = completion.choices[0] if completion.choices else None
    if choice is None or choice.finish_reason == "length":
        raise ModelTrouble("truncated", "no room for the answer", passing=False, usage=usage, model=completion.model)
    if choice.finish_reason == "content_filter":
        raise ModelTrouble("content-filter", "filtered", passing=False, usage=usage, model=completion.model)
    if choice.message.refusal:
        raise ModelTrouble("refused", choice.message.refusal[:200], passing=False, usage=usage, model=completion.model)
    return choice.message.content or ""


def _trouble(error: APIStatusError | APIConnectionError, usage: Usage, model: str) -> ModelTrouble:
    if isinstance(error, RateLimitError):
        return ModelTrouble("throttled", "429", passing=True, after=_retry_after(error), usage=usage, model=model)
    if isinstance(error, APITimeoutError):
        return ModelTrouble("timeout", "no answer in time", passing=True, usage=usage, model=model)
    if isinstance(error, APIConnectionError):
        return ModelTrouble("unreachable", str(error.__cause__ or error), passing=True, usage=usage, model=model)
    if error.status_code >= 500 or error.status_code in (408, 409):  # noqa: PLR2004
        after = _retry_after(error)
        return ModelTrouble("unavailable", str(error.status_code), passing=True, after=after, usage=usage, model=model)
    if error.status_code in NOT_LET_IN:
        said = f"{error.status_code} {error.message[:200]}"
        return ModelTrouble("not-let-in", said, passing=True, usage=usage, model=model)
    reason = (
        "content-filter" if isinstance(error, BadRequestError) and error.code == "content_filter" else "request-refused"
    )
    return ModelTrouble(reason, f"{error.status_code} {error.message[:200]}", passing=False, usage=usage, model=model)


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds that the model asks to wait: Azure sends `retry-after-ms` beside `Retry-After`."""
    for header, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(error.response.headers[header])) / unit
        except (KeyError, ValueError):  # absent, or an HTTP date, which no model endpoint sends
            continue
    return None


def price(provider: str, model: str, usage: Usage) -> Decimal | None:
    """What this usage costs in US dollars, or None if genai-prices does not know the model."""
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    try:
        priced = calc_price(
            PricedUsage(input_tokens=usage.input, output_tokens=usage.output, cache_read_tokens=usage.cached),
            model_ref=model,
            provider_id=provider,
        )
    except LookupError:
        return None
    return priced.total_price

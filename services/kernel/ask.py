"""question -> ledger -> budget -> breaker -> model -> ledger: what is recorded is never asked for again.

When the model may not answer (hard budget, open breaker) or cannot (invalid, refused), the question's rules answer
where they suffice; that is recorded and counted like any answer. What may pass (429, 5xx, timeout) is a Retry,
until the event's last attempt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from services.kernel import telemetry
from services.kernel.breaker import Breaker
from services.kernel.budget import Budget
from services.kernel.event import Event, EventData
from services.kernel.ledger import Ledger, Provenance, Source
from services.kernel.llm import PACED, Completion, LanguageModel, ModelTrouble, Size
from services.kernel.outcome import Park, Retry
from services.kernel.question import Answer, Facts, Question
from services.kernel.topology import Tier

F = TypeVar("F", bound=Facts)
A = TypeVar("A", bound=Answer)

SMALLER: dict[Tier, Size] = {"large": "small", "small": "economy"}
"""Who answers instead once the soft budget is spent."""

CHARACTERS_PER_TOKEN = 3
"""For estimates only, on the safe side for English; what is settled is what the model reports."""


@dataclass(frozen=True)
class Answered(Generic[A]):
    """An answer and who gave it. It is data to check: `decide` must not do what it says, but what it allows."""

    answer: A
    source: Source
    model: str
    why: str = ""


class Asker:
    """Asks on behalf of one process."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        model: LanguageModel,
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self._ledger, self._budget, self._model = ledger, budget, model
        self._breakers: dict[Size, Breaker] = {"small": breaker(), "large": breaker(), "economy": breaker()}

    async def ask(
        self,
        question: Question[F, A],
        facts: F,
        event: Event[EventData],
        *,
        about: str = "",
        last_attempt: bool = False,
    ) -> Answered[A]:
        """The answer to this question about this event (and, within it, `about` one recipient, one step).

        Raises:
            Retry: if the model may answer later.
            Park: `no-answer`, if rules do not suffice and there will be no other attempt.
        """
        entry = await self._ledger.find(question, event, about)
        answered = _recorded(question, facts, entry) if entry else None
        if entry and answered is None:  # no longer legal: the facts have changed since it was given
            if question.rules_suffice:
                return Answered(question.rules(facts), "rules", entry["model"], "no longer legal")
            return await self.ask(
                question, facts, event, about=f"{about}~{question.choices(facts)}", last_attempt=last_attempt
            )
        if answered is None:
            answer, provenance = await self._fresh(question, facts, event, last_attempt=last_attempt)
            entry = await self._ledger.record(question, event, about, facts, answer, provenance)
            telemetry.decided(question.name, event.type, entry["source"], entry["model"], entry["cost_usd"])
            answered = _recorded(question, facts, entry) or Answered(answer, provenance.source, provenance.model)
        return answered

    async def _fresh(
        self, question: Question[F, A], facts: F, event: Event[EventData], *, last_attempt: bool
    ) -> tuple[A, Provenance]:
        try:
            completion = await self._within_budget(question, facts, event)
        except ModelTrouble as trouble:
            return _without_model(question, facts, trouble, last_attempt=last_attempt)
        return completion.answer, Provenance("model", "", completion.model, completion.usage, completion.latency)

    async def _within_budget(self, question: Question[F, A], facts: F, event: Event[EventData]) -> Completion[A]:
        estimate = _estimate(question, facts)
        reserved = await self._budget.reserve(event.type, estimate)
        if reserved.level == "hard":
            raise ModelTrouble("budget", f"today's tokens for {event.type} are spent", passing=False)
        used = 0
        try:
            completion = await self._guarded(
                question, facts, SMALLER[question.tier] if reserved.level == "soft" else question.tier, event
            )
            used = completion.usage.total
        except ModelTrouble as trouble:
            used = trouble.usage.total
            raise
        finally:
            reserved.settle(used)
        return completion

    async def _guarded(self, question: Question[F, A], facts: F, size: Size, event: Event[EventData]) -> Completion[A]:
        breaker = self._breakers[size]
        if not breaker.allows():
            raise ModelTrouble("breaker-open", f"the {size} model keeps failing", passing=False)
        try:
            completion = await self._model.complete(question, facts, size, event)
        except ModelTrouble as trouble:
            if trouble.reason in PACED:
                breaker.gave_up()
            elif trouble.passing:
                breaker.failed()
            else:
                breaker.succeeded()  # it answered, if not what was asked
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.succeeded()
        return completion


def _without_model(
    question: Question[F, A], facts: F, trouble: ModelTrouble, *, last_attempt: bool
) -> tuple[A, Provenance]:
    if trouble.passing and not last_attempt:
        raise Retry(trouble.reason, trouble.description, trouble.after, trouble.usage.total) from trouble
    if question.rules_suffice:
        return question.rules(facts), Provenance("rules", trouble.reason, trouble.model, trouble.usage, 0.0)
    if last_attempt:
        raise Park("no-answer", f"{question.name} needs a model, and {trouble}") from trouble
    raise Retry(trouble.reason, trouble.description, trouble.after, trouble.usage.total) from trouble


def _recorded(question: Question[F, A], facts: F, entry: dict[str, Any]) -> Answered[A] | None:
    """The recorded answer, or None if it is not legal for these facts."""
    try:
        answer = question.answer(facts).model_validate(entry["answer"])
    except ValidationError:
        return None
    return Answered(answer, entry["source"], entry["model"], entry["why"])


def _estimate(question: Question[F, A], facts: F) -> int:
    prompt = sum(len(message["content"]) for message in question.messages(facts))
    return prompt // CHARACTERS_PER_TOKEN + question.max_output_tokens

"""The decision ledger: what was asked about which event, who answered, and what it cost.

One document per event, question, subject of the question and prompt version. An answer that is here is never asked for
again, however often the event is delivered.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from azure.cosmos.exceptions import CosmosResourceExistsError

from services.entities import DECISIONS
from services.kernel.event import Event, EventData
from services.kernel.ids import fingerprint, safe_id
from services.kernel.llm import Usage, price
from services.kernel.outcome import Retry
from services.kernel.question import Answer, Facts, Question
from services.kernel.store import Document, Store, passing_trouble

Source = Literal["model", "rules", "human"]


@dataclass(frozen=True)
class Provenance:
    """Where an answer came from. `why` says what kept the model from answering, or is empty."""

    source: Source
    why: str
    model: str
    usage: Usage
    latency: float


class Ledger:
    """Answers, by event and question."""

    def __init__(self, store: Store, provider: str) -> None:
        self._store, self._provider = store, provider

    async def find(self, question: Question[Any, Any], event: Event[EventData], about: str) -> Document | None:
        """The recorded answer, or None. One point read.

        Raises:
            Park: `id-reused`, if it was recorded for another content under the same id.
        """
        entry = await self._store.load(DECISIONS, event.key, entry_id(question, about))
        if entry:
            event.must_be(entry["fingerprint"])
        return entry

    async def record(
        self,
        question: Question[Any, Any],
        event: Event[EventData],
        about: str,
        facts: Facts,
        answer: Answer,
        provenance: Provenance,
    ) -> Document:
        """Write an answer down; if another delivery was quicker, its answer is the one that counts."""
        usage = provenance.usage
        cost = price(self._provider, provenance.model, usage) if usage.total else None
        entry: Document = {
            "id": entry_id(question, about),
            DECISIONS.partition_key: event.key,
            "question": question.name,
            "about": about,
            "prompt_version": question.version,
            "prompt_hash": question.prompt_hash,
            "event_id": event.id,
            "event_type": event.type,
            "fingerprint": event.fingerprint,
            "facts_hash": fingerprint(facts.model_dump_json()),
            "answer": answer.model_dump(mode="json"),
            "confidence": answer.confidence,
            "source": provenance.source,
            "why": provenance.why,
            "model": provenance.model,
            "calls": usage.calls,
            "tokens": {
                "input": usage.input,
                "output": usage.output,
                "cached": usage.cached,
                "reasoning": usage.reasoning,
            },
            "cost_usd": None if cost is None else float(cost),
            "priced": cost is not None or usage.total == 0,
            "latency": round(provenance.latency, 4),
            "at": datetime.now(UTC).isoformat(),
        }
        async with passing_trouble():
            try:
                await (await self._store.container(DECISIONS)).create_item(entry, no_response=True)
            except CosmosResourceExistsError:
                first = await self.find(question, event, about)
                if first is None:  # read before it has arrived here: ours must not take effect in its place
                    raise Retry("ledger-behind", f"{question.name} was just answered elsewhere") from None
                return first
        return entry


def entry_id(question: Question[Any, Any], about: str) -> str:
    """The id of an entry in its event's partition."""
    return safe_id(question.version, about, question.name)

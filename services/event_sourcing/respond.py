"""command + case -> its own fact -> ask, if it needs a judgement -> the facts that follow, and why.

Shared by the handler, which asks the question in force, and by what-if, which asks a candidate.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.event_sourcing.aggregate import Case, evolve
from services.event_sourcing.decide import Command, case_facts, judge, needs_judgement, own_fact
from services.event_sourcing.events import AddEvidence, CommandRejected, Fact, OpenRefund
from services.event_sourcing.order import Order
from services.event_sourcing.questions import CaseFacts, RefundAnswer
from services.event_sourcing.stream import Reason
from services.kernel.ask import Answered
from services.kernel.ledger import entry_id
from services.kernel.question import Question

Ask = Callable[[CaseFacts], Awaitable[Answered[RefundAnswer]]]


@dataclass(frozen=True)
class Response:
    """What a command leads to; `answered` is None where rules alone decided."""

    facts: tuple[Fact, ...]
    question: Question[CaseFacts, RefundAnswer]
    answered: Answered[RefundAnswer] | None = None

    def wants(self, side_effect: str) -> bool:
        return self.answered is not None and side_effect in self.answered.answer.side_effects

    def reason(self, cause: str, command: Command, order: Order | None, about: str = "") -> Reason:
        """What the stream keeps of it: the command as it was, the order as it was seen, the decision as it was made."""
        seen = order.model_dump(mode="json") if order else None
        recorded = {"type": command.TYPE, "data": command.model_dump(mode="json"), "order": seen}
        return Reason(cause, recorded, self._ai_metadata(cause, about))

    def _ai_metadata(self, cause: str, about: str) -> dict[str, Any] | None:
        """The article's `ai_metadata`: the whole decision, and where its cost is written down (the ledger)."""
        if self.answered is None:
            return None
        return {
            **self.answered.answer.model_dump(mode="json"),
            "source": self.answered.source,
            "model": self.answered.model,
            "why": self.answered.why,
            "question": self.question.name,
            "prompt_version": self.question.version,
            "prompt_hash": self.question.prompt_hash,
            "event_key": cause,
            "ledger_entry": entry_id(self.question, about),
        }


async def respond(
    stream: str,
    case: Case,
    command: Command,
    order: Order | None,
    ask: Ask,
    *,
    question: Question[CaseFacts, RefundAnswer],
    now: datetime,
) -> Response:
    """Decide one command on one case."""
    own = own_fact(case, command, order)
    if isinstance(own, CommandRejected) or not isinstance(command, OpenRefund | AddEvidence):
        return Response((own,), question)
    after = evolve(case, own, now)
    if not needs_judgement(after):
        return Response((own,), question)
    answered = await ask(case_facts(command, after, order))
    return Response(judge(case, command, own, answered, stream=stream, now=now), question, answered)

"""every call -> a line in the journal and a place in the figures

The journal survives the process: a line is handed to the operating system before the call is answered, so that crash
tests can count calls across restarts, a killed stand-in's included.
"""

from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.model.knobs import FaultKind

Outcome = Literal["answered", FaultKind]
Source = Literal["rules", "varied", "generated", "obeyed", "scripted", "none"]

MINUTE = timedelta(minutes=1)


class Tokens(BaseModel):
    """Token counts as the API bills them: `completion` includes `reasoning`, `prompt` includes `cached`."""

    model_config = ConfigDict(frozen=True)
    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            reasoning=self.reasoning + other.reasoning,
            cached=self.cached + other.cached,
        )


class Call(BaseModel):
    """One question that reached the model. `facts` is their hash; `event` the key found in them, if any.

    `tokens` is what the call costs: nothing where no model ran (429, 5xx, reset, filtered prompt). `note` says why the
    rules' answer was not used where it was wanted.
    """

    model_config = ConfigDict(frozen=True)
    at: datetime
    question: str
    facts: str
    event: str | None
    model: str
    outcome: Outcome
    source: Source
    repair: bool
    tokens: Tokens
    note: str = ""


class PerQuestion(BaseModel):
    calls: int
    outcomes: dict[str, int]
    tokens: Tokens


class Figures(BaseModel):
    """Everything since the start or the last reset.

    `outcomes` also counts requests that were no questions: `unauthorized`, `invalid_request`, `down`.
    """

    calls: int
    outcomes: dict[str, int]
    sources: dict[str, int]
    tokens: Tokens
    questions: dict[str, PerQuestion]
    concurrent: int
    peak: int
    asked: list[Call] = Field(description="every call, oldest first")


class Stats:
    """The figures of one running stand-in."""

    def __init__(self, journal: Path | None = None) -> None:
        """Raises OSError when the journal cannot be written."""
        self._journal: TextIO | None = journal.open("a", encoding="utf-8") if journal else None
        self._concurrent = 0
        self.reset()

    def reset(self) -> None:
        """Forget all calls; those under way still count as concurrent. The journal is kept."""
        self._calls: list[Call] = []
        self._turned_away: Counter[str] = Counter()
        self._recent: deque[Call] = deque()
        self._peak = self._concurrent

    def record(self, call: Call) -> None:
        """Count a call; on return its line is with the operating system."""
        self._calls.append(call)
        self._recent.append(call)
        if self._journal:
            self._journal.write(call.model_dump_json() + "\n")
            self._journal.flush()

    def turned_away(self, why: Literal["unauthorized", "invalid_request", "down"]) -> None:
        """Count a request that asked nothing."""
        self._turned_away[why] += 1

    @contextmanager
    def under_way(self) -> Generator[None]:
        """Count a call as concurrent while it is being answered."""
        self._concurrent += 1
        self._peak = max(self._peak, self._concurrent)
        try:
            yield
        finally:
            self._concurrent -= 1

    def last_minute(self) -> tuple[int, int]:
        """Requests and tokens of the last sixty seconds."""
        horizon = datetime.now(UTC) - MINUTE
        while self._recent and self._recent[0].at < horizon:
            self._recent.popleft()
        tokens = sum(call.tokens.prompt + call.tokens.completion for call in self._recent)
        return len(self._recent), tokens

    def figures(self) -> Figures:
        per_question = {
            name: [call for call in self._calls if call.question == name]
            for name in dict.fromkeys(call.question for call in self._calls)
        }
        return Figures(
            calls=len(self._calls),
            outcomes=Counter(call.outcome for call in self._calls) + self._turned_away,
            sources=Counter(call.source for call in self._calls),
            tokens=_sum(self._calls),
            questions={
                name: PerQuestion(
                    calls=len(calls), outcomes=Counter(call.outcome for call in calls), tokens=_sum(calls)
                )
                for name, calls in per_question.items()
            },
            concurrent=self._concurrent,
            peak=self._peak,
            asked=list(self._calls),
        )

    def close(self) -> None:
        if self._journal:
            self._journal.close()


def read_journal(path: Path) -> list[Call]:
    """All calls in a journal, oldest first; a last line that a kill cut short is left out.

    Raises:
        ValueError: another line is not a call; it names file and line.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    calls: list[Call] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            calls.append(Call.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(f"{path}, line {number} is not a call: {line[:80]!r}") from error
    return calls


def _sum(calls: list[Call]) -> Tokens:
    return sum((call.tokens for call in calls), Tokens())

"""start options and POST /_standin/knobs -> knobs -> the fault, if any, that this call meets"""

from random import Random
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

FaultKind = Literal[
    "rate_limited",
    "http_error",
    "timeout",
    "reset",
    "invalid_json",
    "schema_violation",
    "illegal_value",
    "truncated",
    "refusal",
    "content_filter",
    "prompt_filtered",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600)]


class Fault(BaseModel):
    """One way for calls to go wrong.

    `share` of the calls meet it, or the `next` so many; with neither, all of them do. `question` limits it to calls
    with that schema name. `status` is what `http_error` answers, `retry_after` what `rate_limited` (always) and
    `http_error` (if given) ask to wait, in seconds; a `timeout` holds the answer back for `seconds`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    share: Share | None = None
    next: Annotated[int, Field(ge=1)] | None = None
    question: str | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 500
    retry_after: Seconds | None = None
    seconds: Seconds = 600

    @model_validator(mode="after")
    def _one_measure(self) -> "Fault":
        if self.share is not None and self.next is not None:
            raise ValueError("give either share or next, not both")
        return self


class Knobs(BaseModel):
    """How the stand-in behaves.

    `latency` (seconds) holds every answer back, `jitter` adds up to that many more. `seed` decides which answers differ
    from the rules and how, `differs` which share of them. `down`: True answers 503 to everything, "refused" closes
    connections unanswered. `obey`: True follows instructions hidden in the facts as far as the schema allows,
    "illegal" further.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: Seconds = 0
    jitter: Seconds = 0
    seed: int = 0
    differs: Share = 0.15
    faults: tuple[Fault, ...] = ()
    down: StrictBool | Literal["refused"] = False
    obey: StrictBool | Literal["illegal"] = False


class Board:
    """The knobs as they are set now, and what is left of the faults that meet the `next` so many calls."""

    def __init__(self, knobs: Knobs) -> None:
        self._start = knobs
        self._calls = 0
        self.set(knobs)

    def set(self, knobs: Knobs) -> None:
        """Set every knob anew."""
        self.knobs = knobs
        self._left = [fault.next for fault in knobs.faults]

    def turn(self, changes: dict[str, object]) -> None:
        """Change the knobs that are named, leave the others; `faults` are replaced as a whole.

        Raises:
            pydantic.ValidationError: naming each knob that does not exist or is out of range; nothing is changed then.
        """
        changed = Knobs.model_validate({**self.knobs.model_dump(), **changes})
        left = self._left
        self.set(changed)
        if "faults" not in changes:
            self._left = left

    def reset(self) -> None:
        """Back to the options of the start."""
        self.set(self._start)

    def delay(self) -> float:
        """Seconds to hold this answer back."""
        return self.knobs.latency + self.knobs.jitter * self._draw("jitter")

    def fault(self, question: str) -> Fault | None:
        """The first fault that this call meets; each call draws anew, so that a retry may get through."""
        self._calls += 1
        for index, fault in enumerate(self.knobs.faults):
            if fault.question not in (None, question):
                continue
            left = self._left[index]
            if left is not None:
                if left:
                    self._left[index] = left - 1
                    return fault
            elif fault.share is None or self._draw(f"fault {index}") < fault.share:
                return fault
        return None

    def _draw(self, what: str) -> float:
        return Random(f"{self.knobs.seed}/{self._calls}/{what}").random()


def explain(error: ValidationError, what: str, allowed: type[BaseModel]) -> str:
    """All problems as one sentence each: where, what is wrong, which value, what is allowed."""
    sentences: list[str] = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(step) for step in problem["loc"]) or what
        if problem["type"] == "extra_forbidden":
            known = ", ".join(allowed.model_fields if len(problem["loc"]) == 1 else Fault.model_fields)
            sentences.append(f"{where}: there is no such field; there are: {known}.")
        else:
            sentences.append(f"{where}: {problem['msg'].removeprefix('Value error, ')} (got {problem['input']!r:.80}).")
    return f"invalid {what}: " + " ".join(sentences)

"""POST /_standin/script -> answers that a test prescribes, before any fault or rule"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from local.model.knobs import Fault, FaultKind, Seconds
from local.model.shapes import JsonObject, is_list, is_object, same


class Raw(BaseModel):
    """The message's content, word for word."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    content: str


class Status(BaseModel):
    """An HTTP error instead of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    status: Annotated[int, Field(ge=400, le=599)]
    retry_after: Seconds | None = None


class Failing(BaseModel):
    """One of the faults of knobs.py."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fault: FaultKind
    seconds: Seconds = 600
    retry_after: Seconds | None = None


def _form(item: object) -> str:
    """`{"status": 500}`, `{"fault": "reset"}` and `{"content": "..."}` are told from answers by their only keys."""
    for form, key in ((Status, "status"), (Failing, "fault"), (Raw, "content")):
        if is_object(item) and key in item and item.keys() <= form.model_fields.keys():
            return key
    return "answer"


Item = Annotated[
    Annotated[Status, Tag("status")]
    | Annotated[Failing, Tag("fault")]
    | Annotated[Raw, Tag("content")]
    | Annotated[JsonObject, Tag("answer")],
    Discriminator(_form),
]


class Script(BaseModel):
    """What the stand-in says to a question: `answers` in turn, for so many `times`.

    `match` limits it to facts that have at least these values. `times` counts calls: once through the list if it is
    left out, and when "always" the list begins again for ever. Answers go out as they are, legal or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Annotated[str, Field(min_length=1)]
    match: JsonObject | None = None
    answers: Annotated[tuple[Item, ...], Field(min_length=1)]
    times: Annotated[int, Field(ge=1)] | Literal["always"] | None = None


class Scripts:
    """The scripts that are not played out yet, oldest first."""

    def __init__(self) -> None:
        self._played: list[tuple[Script, int]] = []

    def add(self, script: Script) -> None:
        self._played.append((script, 0))

    def clear(self) -> None:
        self._played.clear()

    def next(self, question: str, facts: object) -> Raw | Fault | JsonObject | None:
        """What a script prescribes for this call, or None."""
        for index, (script, played) in enumerate(self._played):
            times = len(script.answers) if script.times is None else script.times
            over = times != "always" and played >= times
            meant = script.question == question and (script.match is None or _has(facts, script.match))
            if meant and not over:
                self._played[index] = (script, played + 1)
                return _prescribed(script.answers[played % len(script.answers)])
        return None


def _prescribed(item: Any) -> Raw | Fault | JsonObject:
    match item:
        case Status(status=429, retry_after=wait):
            return Fault(kind="rate_limited", retry_after=wait)
        case Status(status=status, retry_after=wait):
            return Fault(kind="http_error", status=status, retry_after=wait)
        case Failing(fault=kind, seconds=seconds, retry_after=wait):
            return Fault(kind=kind, seconds=seconds, retry_after=wait)
        case _:
            return item


def _has(fact: object, wanted: object) -> bool:
    """Whether a fact has at least what is wanted; lists must be of one length."""
    if is_object(wanted):
        return is_object(fact) and all(key in fact and _has(fact[key], value) for key, value in wanted.items())
    if is_list(wanted):
        return is_list(fact) and len(fact) == len(wanted) and all(map(_has, fact, wanted))
    return same(fact, wanted)

"""The two questions of notifications: who is told of this, how and how soon; and in which words?

Recipients are chosen among those that audiences.py offers and the directory knows: whoever a text names besides is not
on the list. Words are asked once per language and role, not per recipient, and are data to whatever channel they take.
"""

from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from services.kernel.question import Answer, Facts, Question, one_of
from services.notifications import templates
from services.notifications.audiences import Audience
from services.notifications.directory import Language, Member, customer, group
from services.notifications.events import Channel, Happening, Urgency
from services.notifications.topology import CHANNELS

LONGEST_DETAIL = 300
"""Characters of one detail that the model sees."""


class Detail(Facts):
    name: str
    value: str


class Candidate(Facts):
    """A group of people, or the customer concerned."""

    id: str
    role: str


class EventFacts(Facts):
    kind: str
    about: str
    details: tuple[Detail, ...]
    candidates: tuple[Candidate, ...]
    urgencies: tuple[Urgency, ...]
    worth_telling: bool


class Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    role: str


class WhomAnswer(Answer):
    should_notify: bool
    recipients: tuple[Told, ...]
    channel: Channel
    urgency: Urgency
    reason: str


class WordingFacts(Facts):
    kind: str
    about: str
    details: tuple[Detail, ...]
    language: Language
    role: str


class WordingAnswer(Answer):
    title: str = Field(min_length=1, max_length=500)
    text: str = Field(min_length=1, max_length=4_000)


def details(event: Happening) -> tuple[Detail, ...]:
    """What the event says, flat and short."""
    said: dict[str, Any] = event.model_dump(mode="json")
    return tuple(Detail(name=name, value=_short(value)) for name, value in said.items() if value not in ("", None))


def _short(value: object) -> str:
    text = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
    return text[:LONGEST_DETAIL]


# -- who is told? ------------------------------------------------------------------------------------------------------


def event_facts(event: Happening, audience: Audience, members: tuple[Member, ...]) -> EventFacts:
    """What is known, and whom there is to choose from: groups that have members, and the customer if known."""
    there = {member.role for member in members}
    candidates = [Candidate(id=group(role), role=role) for role in audience.roles if role in there]
    concerned = customer(event.customer)
    if audience.customer and any(member.recipient == concerned for member in members):
        candidates.append(Candidate(id=concerned, role="customer"))
    return EventFacts(
        kind=event.TYPE,
        about=event.about,
        details=details(event),
        candidates=tuple(candidates),
        urgencies=audience.urgencies,
        worth_telling=audience.worth(event),
    )


def whom_answer(facts: EventFacts) -> type[WhomAnswer]:
    return _whom_answer(tuple((each.id, each.role) for each in facts.candidates), facts.urgencies)


@lru_cache(maxsize=256)
def _whom_answer(candidates: tuple[tuple[str, str], ...], urgencies: tuple[str, ...]) -> type[WhomAnswer]:
    told = create_model(
        "Told",
        __base__=Told,
        id=(one_of(tuple(each for each, _ in candidates)), ...),
        role=(one_of(tuple(dict.fromkeys(role for _, role in candidates))), ...),
    )
    several: Any = tuple[told, ...]
    listed: Any = Annotated[several, Field(max_length=len(candidates))]
    return create_model(
        "WhomAnswer",
        __base__=WhomAnswer,
        recipients=(listed, ...),
        channel=(one_of(CHANNELS), ...),
        urgency=(one_of(urgencies), ...),
        reason=(Annotated[str, Field(max_length=500)], ...),
    )


def whom_rules(facts: EventFacts) -> WhomAnswer:
    everybody = tuple(Told(id=each.id, role=each.role) for each in facts.candidates)
    told = everybody if facts.worth_telling else ()
    return WhomAnswer(
        should_notify=bool(told),
        recipients=told,
        channel="email",
        urgency=facts.urgencies[-1],
        reason=f"by rules: {facts.kind} goes to everybody it concerns" if told else "by rules: nothing out of the way",
        confidence="medium",
    )


WHOM = Question(
    name="whom_to_tell",
    version="1",
    tier="small",
    prompt=(
        "Something happened in a business. Decide whether somebody should be told, who of the candidates, through "
        "which channel and how urgently ('immediate' only where waiting an hour does harm, 'digest' where a daily "
        "summary will do). Tell as few as possible. Give a short reason."
    ),
    facts=EventFacts,
    answer=whom_answer,
    rules=whom_rules,
)

# -- in which words? ---------------------------------------------------------------------------------------------------


def wording_answer(_facts: WordingFacts) -> type[WordingAnswer]:
    return WordingAnswer


def wording_rules(facts: WordingFacts) -> WordingAnswer:
    title, text = templates.fill(facts.kind, facts.language, facts.about)
    return WordingAnswer(title=title, text=text, confidence="medium")


WORDING = Question(
    name="wording",
    version="1",
    tier="small",
    prompt=(
        "Write a notification for a reader of the given role in the given language (en English, de German, fr French): "
        "a title of at most 10 words and a text of at most 150 tokens, plain sentences, no links, no markup. Say what "
        "happened and what the reader may do, from the facts alone."
    ),
    facts=WordingFacts,
    answer=wording_answer,
    rules=wording_rules,
)

QUESTIONS = (WHOM, WORDING)

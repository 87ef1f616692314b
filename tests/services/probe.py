"""The smallest pattern: one event, one question that rules cannot answer, and a handler that a test brings along."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

from services.entities import INSIGHTS, ITEMS
from services.inference.topology import AI_PROCESSOR, TOPOLOGY
from services.kernel.commit import Home
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event, EventData
from services.kernel.ports import Ports
from services.kernel.question import Answer, Facts, Question
from services.kernel.service import Reaction
from tests.services.events import cloud_event

LISTENS = replace(AI_PROCESSOR, event_types=("probed",))
PROBE = replace(TOPOLOGY, name="probe", listens=(LISTENS,))


class Probed(EventData):
    TYPE: ClassVar = "probed"

    thing: str = "T-1"
    text: str = ""


class ProbeFacts(Facts):
    text: str


class ProbeAnswer(Answer):
    verdict: Literal["yes", "no"]


def no_rules(_facts: ProbeFacts) -> ProbeAnswer:
    raise AssertionError("its rules do not suffice, so nobody asks for them")


WEIGHTY = Question(
    name="weighty",
    version="1",
    tier="large",
    prompt="Yes or no?",
    facts=ProbeFacts,
    answer=lambda _: ProbeAnswer,
    rules=no_rules,
    rules_suffice=False,
)
YES = {"verdict": "yes", "confidence": "high"}


async def ask(event: Event[Probed], ports: Ports) -> Effects:
    """Ask, and remember the answer."""
    answered = await ports.ask(WEIGHTY, ProbeFacts(text=event.data.text))
    return Effects((Put({"kind": "thing", "verdict": answered.answer.verdict}),))


def announcing(*insights: Any) -> Callable[[Event[Probed], Ports], Awaitable[Effects]]:
    """A handler that announces these."""

    async def announce(event: Event[Probed], ports: Ports) -> Effects:
        return Effects((Put({"kind": "thing"}),), tuple(Announce(INSIGHTS, "insight", insight) for insight in insights))

    return announce


def reacting(handle: Callable[[Event[Probed], Ports], Awaitable[Effects]]) -> tuple[Reaction[Probed], ...]:
    return (Reaction(Probed, lambda event: Home(ITEMS, event.data.thing), handle),)


def probed(**data: Any) -> dict[str, Any]:
    return cloud_event("probed", data)

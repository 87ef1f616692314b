"""An answer is paid for once, written down, and checked again whenever it is used."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.entities import DECISIONS
from services.inference.topology import TOPOLOGY
from services.kernel.ask import Answered
from services.kernel.effects import Effects
from services.kernel.event import Event
from services.kernel.ports import Ports
from services.kernel.question import Answer, Facts, Question
from tests.services.events import message, order
from tests.services.probe import LISTENS, PROBE, WEIGHTY, YES, Probed, ProbeFacts, ask, probed, reacting
from tests.services.world import World

NO = {"verdict": "no", "confidence": "low"}


class Asking:
    """A handler that asks what a test wants to know, and keeps the answers."""

    def __init__(self, *questions: tuple[Question[Any, Any], Facts, str]) -> None:
        self.questions, self.answers = questions, list[Answered[Answer]]()

    async def __call__(self, event: Event[Probed], ports: Ports) -> Effects:
        self.answers = [await ports.ask(question, facts, about) for question, facts, about in self.questions]
        return Effects()


async def deliver(world: World, handle: Any, event: dict[str, Any], *, topology: Any = PROBE) -> None:
    await world.send(message(event, subject="order_placed"))
    await world.deliver(world.process(topology, reacting(handle)), to=LISTENS)


FACTS = ProbeFacts(text="?")


async def test_a_recorded_answer_is_given_without_asking_even_if_the_model_is_gone(world: World) -> None:
    # given: it was asked, and then the process failed before it could commit
    event = probed()

    async def ask_and_fail(event: Event[Probed], ports: Ports) -> Effects:
        await ask(event, ports)
        raise ZeroDivisionError

    world.model.script("weighty", YES)
    await deliver(world, ask_and_fail, event)

    # when
    world.model.turn(down=True)
    await world.deliver(world.process(PROBE, reacting(ask)), to=LISTENS)

    # then
    (record,) = await world.records()
    assert record["verdict"] == "yes"
    assert world.model.stats().calls == 1


async def test_each_subject_of_a_question_has_an_answer_of_its_own(world: World) -> None:
    # given
    world.model.script("weighty", YES, NO)
    asking = Asking((WEIGHTY, FACTS, "Ada"), (WEIGHTY, FACTS, "Ines"), (WEIGHTY, FACTS, "Ada"))

    # when
    await deliver(world, asking, probed())

    # then
    assert [answered.answer.model_dump()["verdict"] for answered in asking.answers] == ["yes", "no", "yes"]
    assert world.model.stats().calls == 2
    assert sorted(entry["about"] for entry in await world.decisions()) == ["Ada", "Ines"]


async def test_another_version_of_a_prompt_is_another_question(world: World) -> None:
    # given
    world.model.script("weighty", YES, NO)
    asking = Asking((WEIGHTY, FACTS, ""), (replace(WEIGHTY, version="2", prompt="No or yes?"), FACTS, ""))

    # when
    await deliver(world, asking, probed())

    # then
    assert [answered.answer.model_dump()["verdict"] for answered in asking.answers] == ["yes", "no"]
    entries = await world.decisions()
    assert {entry["prompt_version"] for entry in entries} == {"1", "2"}
    assert len({entry["prompt_hash"] for entry in entries}) == 2


async def test_of_two_answers_to_one_question_the_first_that_was_written_counts(world: World) -> None:
    # given: two processes ask at once and are told different things
    world.model.turn(latency=0.1)
    world.model.script("weighty", YES, NO)
    event = probed()
    first, second = Asking((WEIGHTY, FACTS, "")), Asking((WEIGHTY, FACTS, ""))

    # when
    await world.send(message(event, subject="order_placed"), message(event, subject="order_placed"))
    await world.deliver(world.process(PROBE, reacting(first)), world.process(PROBE, reacting(second)), to=LISTENS)

    # then
    assert world.model.stats().calls == 2
    (entry,) = await world.decisions()
    assert [one.answers[0].answer.model_dump(mode="json") for one in (first, second)] == [entry["answer"]] * 2


async def test_a_recorded_answer_that_is_no_longer_legal_leaves_the_rules(world: World) -> None:
    # given: it was judged low when it was small; the ledger is what an attacker or a bug might have written to
    world.model.script("order_risk", {"status": 503})
    process = world.process()
    event = order(items=[{"product_id": "P-300", "quantity": 1, "unit_price": 8900}])
    await world.send(message(event))
    await world.deliver(process)
    await world.deliver(process)
    (entry,) = await world.decisions()
    (record,) = await world.records()
    assert entry["answer"]["risk"] == "high"
    await world.put(DECISIONS.name, entry | {"answer": entry["answer"] | {"risk": "low"}})
    for document in await world.documents():
        await world.database.get_container_client("items").delete_item(document["id"], record["entity_id"])

    # when
    await world.send(message(event))
    await world.deliver(process)

    # then
    (record,) = await world.records()
    assert (record["risk"], record["decided_by"]["source"]) == ("high", "rules")


async def test_a_model_without_a_known_price_is_flagged_and_not_free(world: World) -> None:
    # given
    world.model._desk.models["house"] = "house-model-1"
    world.set(Model__small="house", Model__effort="")

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    (entry,) = await world.decisions()
    assert (entry["model"], entry["cost_usd"], entry["priced"]) == ("house-model-1", None, False)
    assert entry["tokens"]["input"] > 0


async def test_an_answer_of_the_rules_costs_nothing_and_says_so(world: World) -> None:
    # given
    world.set(Budget__hardTokensPerDay=0)

    # when
    await world.send(message(order()))
    await world.deliver(world.process())

    # then
    (entry,) = await world.decisions()
    assert (entry["cost_usd"], entry["priced"], entry["model"], entry["latency"]) == (None, True, "", 0)
    assert set(entry["tokens"].values()) == {0}


async def test_a_process_asks_no_more_at_once_than_it_is_set_to(world: World) -> None:
    # given
    world.set(Model__concurrency=3)
    world.model.turn(latency=0.03)
    process = world.process()
    await world.send(*(message(order(order_id=f"O-{number}")) for number in range(12)))

    # when
    await world.deliver(*[process] * 12)

    # then
    figures = world.model.stats()
    assert (figures.calls, figures.peak) == (12, 3)
    assert len(await world.records()) == 12


async def test_what_a_call_does_not_use_of_its_estimate_is_there_for_the_next(world: World) -> None:
    # given: room for two estimates, were nothing given back
    world.set(Budget__hardTokensPerDay=4600, Budget__softTokensPerDay=4600, Budget__blockTokens=10)
    process = world.process()

    # when
    for number in range(6):
        await world.send(message(order(order_id=f"O-{number}")))
        await world.deliver(process)

    # then
    assert {entry["source"] for entry in await world.decisions()} == {"model"}
    tokens = world.model.stats().tokens
    assert tokens.prompt + tokens.completion <= 4600


async def test_who_asks_no_model_by_its_topology_has_none(world: World) -> None:
    # given
    asking = Asking((WEIGHTY, FACTS, ""))

    # when
    await deliver(world, asking, probed(), topology=replace(TOPOLOGY, listens=(LISTENS,), asks=()))

    # then
    (parked,) = await world.parked()
    assert parked.reason == "no-model"
    assert not world.model.stats().asked


async def test_a_call_that_is_cut_off_gives_its_tokens_and_its_slot_back(world: World) -> None:
    # given: the host gives up while the model is still thinking
    world.set(
        Model__concurrency=1, Budget__hardTokensPerDay=2600, Budget__softTokensPerDay=2600, Budget__blockTokens=10
    )
    process = world.process()
    world.model.turn(latency=5)
    await world.send(message(order()))
    delivering = asyncio.create_task(world.deliver(process))
    async with asyncio.timeout(5):
        while not world.model.stats().calls:
            await asyncio.sleep(0.01)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering

    # when
    world.model.turn(latency=0)
    await world.deliver(process)

    # then
    (entry,) = await world.decisions()
    assert entry["source"] == "model"

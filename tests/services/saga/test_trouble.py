"""What a saga meets: silence, cancellation, repetition, messages out of order, and two processes at once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from local.host import messages
from services.entities import DECISIONS, INSIGHTS, SAGA_STEPS, STOCK
from services.saga.engine import MOST_UNDONE
from services.saga.handler import SERVICE
from services.saga.topology import FOUND_OUT, ORCHESTRATOR, STEP_WORKER, TIMEKEEPER
from tests.services.events import cloud_event, message
from tests.services.saga.shop import (
    account,
    analyzed,
    available,
    drain,
    ended,
    holds,
    open_shop,
    play,
    put_account,
    put_order,
    ring,
    saga,
    saga_of,
    tell,
    values,
    what,
)
from tests.services.world import World


async def deliver_next(world: World, process: Any, listener: Any, saga_id: str = "") -> str:
    """Deliver one message of a saga to one of its listeners; its type."""
    async with world._bus.get_subscription_receiver(
        listener.topic.name, listener.name, session_id=saga_id or saga_of()
    ) as receiver:
        (received,) = await receiver.receive_messages(1, max_wait_time=5)
        await process.deliver(messages.one(received), listener)
        await receiver.complete_message(received)
        return str(received.subject)


async def begun(world: World, process: Any) -> None:
    """An order's saga whose first step was sent, and nothing more."""
    await open_shop(world)
    await put_order(world)
    await world.send(message(analyzed()), topic=INSIGHTS.name)
    await world.deliver(process, to=FOUND_OUT)
    await deliver_next(world, process, ORCHESTRATOR)


async def test_a_step_that_is_not_heard_of_in_time_is_tried_again(world: World) -> None:
    # given
    process = world.start(SERVICE)
    await begun(world, process)

    # when
    await ring(world, "step_timed_out", action="do", step="reserve_stock", attempt=1)
    await world.deliver(process, to=TIMEKEEPER)
    await drain(world, process)

    # then: both attempts arrived, and took effect once
    done = await saga(world)
    assert done["status"] == "completed"
    assert what(done).count("retried reserve_stock") == 1
    assert await available(world) == 3


async def test_a_step_that_was_refused_is_tried_again_at_the_pace_of_the_settings(world: World) -> None:
    # given: a shop that is out of desks, and a model that hopes for more
    world.set(Retry__baseSeconds=1, Retry__capSeconds=4)
    hope = {"recovery": "retry", "reason": "a delivery is due", "confidence": "high"}
    world.model.script("recovery", hope, times=2)
    await open_shop(world)
    line = {"product_id": "P-100", "quantity": 6, "unit_price": "10.00"}
    await put_order(world, items=[line])
    process = await play(world, analyzed())
    assert (await saga(world))["last_error"] == "reserve_stock: 5 are available, 6 are wanted"

    # when
    (stock,) = [each for each in await world.documents(STOCK.name, "stock") if each["sku"] == "P-100"]
    await world.put(STOCK.name, {**stock, "available": 8})
    async with asyncio.timeout(20):
        while (await saga(world))["status"] == "running":
            await drain(world, process)

    # then
    done = await saga(world)
    assert done["status"] == "completed"
    assert await available(world) == 2
    at = {
        entry["what"]: datetime.fromisoformat(entry["at"])
        for entry in done["journal"]
        if entry["step"] == "reserve_stock"
    }
    assert at["done"] - at["retried"] >= timedelta(seconds=0.5)


async def test_the_late_success_of_a_step_that_was_given_up_is_undone(world: World) -> None:
    # given
    process = world.start(SERVICE)
    await begun(world, process)
    before = await values(world)
    world.model.script("recovery", {"recovery": "compensate", "reason": "too slow", "confidence": "high"})
    await deliver_next(world, process, STEP_WORKER)  # one of two products is reserved, and its report on its way

    # when
    await ring(world, "step_timed_out", action="do", step="reserve_stock", attempt=1)
    await world.deliver(process, to=TIMEKEEPER)
    await drain(world, process)

    # then
    assert (await saga(world))["status"] == "compensated"
    assert await values(world) == before
    assert {hold["status"] for hold in await holds(world)} == {"undone"}
    assert not await world.parked()


async def test_an_undo_that_overtakes_its_do_keeps_it_from_happening(world: World) -> None:
    # given
    await open_shop(world)
    before = await values(world)
    step = {"saga_id": saga_of(), "step": "reserve_stock", "target": "P-100", "attempt": 1}
    await put_order(world)
    process = await play(world, analyzed("O-1", "high"))  # a saga that waits for a person

    # when
    await tell(world, cloud_event("undo_step", step))
    await drain(world, process)
    await tell(world, cloud_event("do_step", step | {"amount": "2"}))
    await drain(world, process)

    # then
    assert await values(world) == before
    assert [(hold["step"], hold["status"]) for hold in await holds(world)] == [("reserve_stock", "undone")]
    (report,) = [event["data"] for event in await world.events(SAGA_STEPS, "step_failed")]
    assert (report["reason"], report["retryable"]) == ("it was undone before", False)


async def test_a_timeout_of_an_attempt_that_is_over_changes_nothing(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed())
    before = (await saga(world), await values(world))

    # when: those that were scheduled come due, as each will
    for step in ("reserve_stock", "take_payment", "ship_order"):
        await ring(world, "step_timed_out", action="do", step=step, attempt=1)
    await ring(world, "saga_timed_out", started_at="2026-11-20T08:00:00Z")
    await drain(world, process)

    # then
    assert (await saga(world), await values(world)) == before
    assert await ended(world) == [("saga_completed", "O-1")]


async def test_every_attempt_has_its_end_scheduled_in_the_commit_that_sends_it(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)

    # when
    await play(world, analyzed())

    # then
    markers = await world.documents("sagas", "inbox")
    due = [each["type"] for marker in markers for each in marker["announced"] if "at" in each]
    assert sorted(due) == ["saga_timed_out", "step_timed_out", "step_timed_out", "step_timed_out"]
    for marker in markers:
        types = {each["type"] for each in marker["announced"]}
        assert ("do_step" in types) == ("step_timed_out" in types)


async def test_a_saga_that_takes_too_long_is_compensated(world: World) -> None:
    # given
    process = world.start(SERVICE)
    await begun(world, process)
    before = await values(world)

    # when
    await ring(world, "saga_timed_out", started_at="2026-11-20T08:00:00Z")
    await world.deliver(process, to=TIMEKEEPER)
    await drain(world, process)

    # then
    done = await saga(world)
    assert (done["status"], done["last_error"]) == ("compensated", "the saga took too long")
    assert await values(world) == before


async def test_a_saga_can_be_cancelled_at_each_point_until_something_cannot_be_undone(world: World) -> None:
    # given
    process = world.start(SERVICE)
    await open_shop(world)
    before = await values(world)
    turns = (ORCHESTRATOR, STEP_WORKER, STEP_WORKER, ORCHESTRATOR, ORCHESTRATOR, STEP_WORKER, ORCHESTRATOR)
    for progress in (0, 5, 6):
        order_id = f"O-{progress}"
        about = saga_of(order_id)
        await put_order(world, order_id)
        await world.send(message(analyzed(order_id)), topic=INSIGHTS.name)
        await world.deliver(process, to=FOUND_OUT)
        for listener in turns[:progress]:
            await deliver_next(world, process, listener, about)

        # when: so many messages were dealt with
        cancel = {"saga_id": about, "by": "ada", "reason": "changed my mind"}
        await tell(world, cloud_event("saga_cancelled", cancel), about)
        await drain(world, process)

        # then
        done = await saga(world, about)
        if progress < 6:
            assert (done["status"], done["last_error"]) == ("compensated", "cancelled by ada: changed my mind")
            assert await values(world) == before
        else:  # the payment's success was there before the cancellation, and sent the parcel on its way
            assert done["status"] == "completed"
        assert [subject for _, subject in await ended(world)].count(order_id) == 1
    assert (await account(world))["balance"] == 3000 - 615


async def test_messages_that_repeat_and_come_late_add_nothing(world: World) -> None:
    # given
    await open_shop(world)
    await put_order(world)
    process = await play(world, analyzed())
    before = (await saga(world), await values(world), await holds(world))
    seen = await world.peek(SAGA_STEPS.name, "watcher")

    # when: all of them once more, in reverse, under other message ids
    for old in reversed(seen):
        await world.send(
            message(str(old), subject=old.subject, session_id=old.session_id, content_type=old.content_type),
            topic=SAGA_STEPS.name,
        )
    await drain(world, process)

    # then
    assert (await saga(world), await values(world), await holds(world)) == before
    assert await ended(world) == [("saga_completed", "O-1")]
    assert world.model.stats().calls == 2


async def test_the_same_messages_under_other_event_ids_add_nothing_either(world: World) -> None:
    # given
    await open_shop(world)
    await put_account(world, balance="0.00")
    await put_order(world)
    process = await play(world, analyzed())
    before = (await values(world), await holds(world))

    # when
    for old in await world.events(SAGA_STEPS):
        await tell(world, cloud_event(old["type"], old["data"]))
    await drain(world, process)

    # then
    assert (await values(world), await holds(world)) == before
    assert await ended(world) == [("saga_compensated", "O-1")]


async def test_two_processes_on_one_saga_move_it_once(world: World) -> None:
    # given: a timeout and a cancellation reach two processes at the same time
    one, other = world.start(SERVICE), world.start(SERVICE)
    await begun(world, one)
    before = await values(world)
    world.model.turn(latency=0.05)
    await ring(world, "step_timed_out", action="do", step="reserve_stock", attempt=1)
    cancel = cloud_event("saga_cancelled", {"saga_id": saga_of(), "by": "ada"})

    # when
    await asyncio.gather(
        world.deliver(one, to=TIMEKEEPER),
        other.deliver(await as_received(world, cancel), ORCHESTRATOR),
    )
    await drain(world, one, other)

    # then
    done = await saga(world)
    assert done["status"] == "compensated"
    assert await values(world) == before
    assert len(await ended(world)) == 1


async def test_two_processes_that_wait_for_a_slow_model_go_on_with_one_answer(world: World) -> None:
    # given: a step's success that both are told of, as after a lock that expired; and a model that takes its time
    one, other = world.start(SERVICE), world.start(SERVICE)
    await begun(world, one)
    for listener in (STEP_WORKER, STEP_WORKER, ORCHESTRATOR):
        await deliver_next(world, one, listener)
    world.model.turn(latency=0.3)
    success = await as_received(world, (await world.events(SAGA_STEPS, "step_succeeded"))[-1])

    # when
    await asyncio.gather(one.deliver(success, ORCHESTRATOR), other.deliver(success, ORCHESTRATOR))
    world.model.turn(latency=0)
    await drain(world, one, other)

    # then
    done = await saga(world)
    assert done["status"] == "completed"
    assert what(done).count("begun take_payment") == 1
    assert (await account(world))["balance"] == 2385
    payments = [each for each in await world.events(SAGA_STEPS, "do_step") if each["data"]["step"] == "take_payment"]
    assert len(payments) == 1
    asked = [each for each in await world.documents(DECISIONS.name) if each["question"] == "next_step"]
    assert len(asked) == 2, "the second one to write its answer down takes the first one's"


async def as_received(world: World, event: dict[str, Any]) -> Any:
    """The event as a Functions worker hands it over, whoever holds the session."""
    await world.send(message(event), topic=INSIGHTS.name)
    return messages.one((await world.peek(INSIGHTS.name, "watcher"))[-1])


async def test_two_sagas_want_the_last_desk_and_one_of_them_gets_it(world: World) -> None:
    # given
    await open_shop(world, customers=("C-1", "C-2"))
    for order_id, customer in (("O-1", "C-1"), ("O-2", "C-2")):
        line = {"product_id": "P-100", "quantity": 5, "unit_price": "249.00"}
        await put_order(world, order_id, customer, items=[line])
    one, other = world.start(SERVICE), world.start(SERVICE)
    await world.send(message(analyzed("O-1")), message(analyzed("O-2")), topic=INSIGHTS.name)

    # when
    await world.deliver(one, other, to=FOUND_OUT)
    await drain(world, one, other)

    # then
    assert sorted(kind for kind, _ in await ended(world)) == ["saga_compensated", "saga_completed"]
    assert await available(world) == 0


async def test_credit_that_is_spent_cannot_be_taken_back_and_a_person_is_told(world: World) -> None:
    # given: a saga that compensates, whose credit the customer has spent meanwhile
    world.set(Retry__baseSeconds=0.001, Retry__capSeconds=0.002)
    await open_shop(world)
    world.model.script(
        "next_step",
        {
            "action": "execute",
            "step_name": "grant_credit",
            "step_config": {"option": "standard"},
            "reason": "first",
            "confidence": "high",
        },
    )
    saga_id = saga_of("F-1", "customer_escalation")
    process = world.start(SERVICE)
    change = {"feedback_id": "F-1", "customer_id": "C-1", "urgency": "urgent"}
    await world.send(message(cloud_event("feedback_analyzed", change)), topic=INSIGHTS.name)
    await world.deliver(process, to=FOUND_OUT)
    for listener in (ORCHESTRATOR, STEP_WORKER, ORCHESTRATOR, STEP_WORKER):
        await deliver_next(world, process, listener, saga_id)
    await put_account(world)
    await tell(world, cloud_event("saga_cancelled", {"saga_id": saga_id, "by": "ada"}), saga_id)
    await drain(world, process)

    # when: each time it is tried again, a moment later, it is refused again
    async with asyncio.timeout(20):
        while (await saga(world, saga_id))["status"] == "running":
            await drain(world, process)

    # then
    done = await saga(world, saga_id)
    assert done["status"] == "failed"
    assert "the credit is spent" in done["last_error"]
    assert what(done).count("refused grant_credit") == MOST_UNDONE
    assert await ended(world) == [("saga_failed", "F-1")]


async def test_a_step_touches_the_partitions_of_the_table_and_no_other(world: World) -> None:
    # given
    await open_shop(world, customers=("C-1", "C-2"))
    await put_order(world)

    # when
    await play(world, analyzed())

    # then
    assert (await account(world, "C-2"))["balance"] == 3000
    assert {hold["product_id"] for hold in await world.documents(STOCK.name, "hold")} == {
        document["id"] for document in await world.documents(STOCK.name, "stock")
    }

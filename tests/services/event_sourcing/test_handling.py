"""A refund case from the broker to the stores: opened, judged, paid, reviewed, withdrawn; commands that are refused."""

from services.entities import ENTITY_EVENTS
from tests.services.event_sourcing.commands import (
    STREAM,
    given_order,
    open_refund,
    stream,
    told,
    view,
)
from tests.services.world import World


async def test_a_small_refund_is_opened_approved_and_paid_and_everybody_hears_of_it(world: World) -> None:
    # given
    process = await given_order(world)

    # when
    await told(world, process, open_refund({"id": "c-1"}))

    # then: the stream has the facts, gapless, the first with the command, the judged ones with the decision
    opened, approved, paid = await stream(world)
    assert [event["version"] for event in (opened, approved, paid)] == [1, 2, 3]
    assert [event["type"] for event in (opened, approved, paid)] == ["refund_opened", "refund_approved", "refund_paid"]
    assert (opened["data"]["amount"], opened["data"]["currency"], opened["schema"]) == ("40.00", "EUR", 2)
    assert opened["command"]["type"] == "open_refund"
    assert approved["ai_metadata"]["source"] == "model"
    assert approved["ai_metadata"]["prompt_version"] == "1"
    assert approved["ai_metadata"]["events_to_generate"] == ["refund_approved"]
    assert paid["ai_metadata"] is None

    # then: each fact is announced once, with what one must know
    announced = await world.events(ENTITY_EVENTS)
    assert [event["type"] for event in announced] == ["refund_opened", "refund_approved", "refund_paid"]
    for version, event in enumerate(announced, start=1):
        known = {"stream": STREAM, "version": version, "case_id": "R-1", "order_id": "O-1", "customer_id": "C-1"}
        assert known.items() <= event["data"].items()
        assert (event["data"]["amount"], event["data"]["currency"]) == ("40.00", "EUR")

    # then: the view has caught up, one answer was paid for, nothing is left over
    seen = await view(world)
    assert (seen["status"], seen["version"], seen["amount"]) == ("paid", 3, "40.00")
    assert world.model.stats().calls == 1
    assert len(await world.decisions()) == 1
    assert not await world.documents("events", "outbox")
    assert not await world.parked()

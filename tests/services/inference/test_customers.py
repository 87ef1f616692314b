from tests.services.events import customer, message
from tests.services.world import World


async def test_a_new_customer_becomes_a_record_an_insight_a_ledger_entry_and_a_marker(world: World) -> None:
    # given
    event = customer()

    # when
    await world.send(message(event))
    await world.deliver(world.process())

    # then
    print(await world.records(), await world.insights(), await world.decisions(), await world.markers(), await world.parked(), await world.waiting(), await world.outbox())


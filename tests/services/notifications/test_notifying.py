"""An insight becomes a message in somebody's mailbox, within their rules."""

from local.mailbox.app import Trouble
from local.mailbox.server import Mailbox
from services.notifications.handler import SERVICE
from tests.services.events import message
from tests.services.notifications.conftest import Clock
from tests.services.notifications.things import angry, deliveries, entry, know
from tests.services.world import World


async def test_somebody_in_support_is_told_of_angry_feedback(world: World, mailbox: Mailbox, at: Clock) -> None:
    # given
    await know(world, entry(), entry("otto", role="sales"))

    # when
    await world.send(message(angry()), topic="insights")
    await world.drain(world.start(SERVICE))

    # then
    print(await world.documents("notifications"), await world.parked(), world.model.stats(), await world.decisions())
    (mail,) = mailbox.mail()
    assert (mail.channel, mail.recipient) == ("email", "ines@shop.example")
    (delivery,) = await deliveries(world)
    assert delivery["status"] == "sent"
    assert mail.key == delivery["id"]
    assert not await world.parked()

"""The function app as it stands, in the host: insights and facts in, messages in mailboxes out."""

import asyncio
from pathlib import Path

import azure.functions as func
import pytest

from local.host.apps import read_app
from local.host.host import Host
from local.host.host_json import load_host_json
from local.mailbox.server import Mailbox
from services.notifications.directory import customer
from services.notifications.handler import SERVICE
from services.notifications.triggers import triggers
from tests.services.events import cloud_event, message
from tests.services.notifications.things import angry, entry, know, outage
from tests.services.world import World, app_of

FOLDER = Path(__file__).parents[3] / "services" / "notifications"


async def test_a_burst_of_insights_reaches_each_mailbox_once(
    world: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given
    app = func.FunctionApp()
    app.register_functions(triggers)
    declared = app_of(world.plan, "notifications").declared
    settings = {**declared, "ServiceBus": world.setting("ServiceBus"), "Cosmos": world.setting("Cosmos")}
    hosted = read_app(app, "notifications", load_host_json(FOLDER), settings)
    monkeypatch.setattr(SERVICE, "_opened", None)
    generous = {"throttle": {"most": 100, "minutes": 60}, "daily_cap": 100}
    await know(
        world,
        entry("ines", **generous),
        entry("otto", **generous),
        entry("nox", role="on_call", channels=[{"channel": "push", "address": "nox"}]),
        entry(customer("C-1"), role="customer", language="de", **generous),
    )
    paid = {"case_id": "R-1", "order_id": "O-1", "customer_id": "C-1", "amount": "12.00"}
    events = [angry(number) for number in range(10)]
    await world.send(
        *map(message, (*events, *events[:3], outage())), message("no JSON", subject="order_analyzed"), topic="insights"
    )
    await world.send(message(cloud_event("refund_paid", paid)), topic="entity-events")

    # when
    expected = 2 * len(events) + 2
    host, stopping, ready = Host((hosted,), settings, memory=tmp_path), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(host.run(stopping, ready))
    async with asyncio.timeout(20):
        while len(await world.documents("notifications", "delivery")) < expected or await unsent(world):
            await asyncio.sleep(0.05)
    stopping.set()
    await running

    # then
    reached = [(mail.channel, mail.recipient) for mail in mailbox.mail()]
    assert sorted(reached) == sorted([
        *[("email", "ines@shop.example"), ("email", "otto@shop.example")] * len(events),
        ("push", "nox"),
        ("email", "customer:C-1@shop.example"),
    ])  # fmt: skip
    assert len({mail.key for mail in mailbox.mail()}) == expected
    assert [one.reason for one in await world.parked()] == ["unreadable"]


async def unsent(world: World) -> bool:
    """Whether something is under way still."""
    deliveries = await world.documents("notifications", "delivery")
    return any(each["status"] != "sent" for each in deliveries) or bool(
        await world.documents("notifications", "outbox")
    )

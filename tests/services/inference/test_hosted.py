"""The function app as it stands, in the host: a burst of events, and the timers that keep house."""

import asyncio
from pathlib import Path

import azure.functions as func
import pytest

from local.host.apps import read_app
from local.host.host import Host
from local.host.host_json import load_host_json
from services.inference.handler import SERVICE
from services.inference.triggers import triggers
from tests.services.events import customer, feedback, message, order
from tests.services.world import World, app_of

FOLDER = Path(__file__).parents[3] / "services" / "inference"


async def test_a_burst_of_events_is_dealt_with_side_by_side_each_of_them_once(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given
    app = func.FunctionApp()
    app.register_functions(triggers)
    declared = app_of(world.plan, "inference").declared
    settings = {**declared, "ServiceBus": world.setting("ServiceBus"), "Cosmos": world.setting("Cosmos")}
    hosted = read_app(app, "inference", load_host_json(FOLDER), settings)
    monkeypatch.setattr(SERVICE, "_opened", None)
    world.model.turn(latency=0.02)
    events = [
        made(**{name: f"{name}-{number}"})
        for number in range(12)
        for made, name in ((customer, "customer_id"), (order, "order_id"), (feedback, "feedback_id"))
    ]
    await world.send(*map(message, events), *map(message, events[:6]), message("no JSON"))

    # when
    host, stopping, ready = Host((hosted,), settings, memory=tmp_path), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(host.run(stopping, ready))
    async with asyncio.timeout(20):
        while len(await world.markers()) < len(events) or await world.waiting() or await world.outbox():
            await asyncio.sleep(0.02)
    stopping.set()
    await running

    # then
    assert len(await world.records()) == len(await world.decisions()) == len(await world.insights()) == 36
    assert world.model.stats().calls == 36
    assert world.model.stats().peak > 4
    assert [one.reason for one in await world.parked()] == ["unreadable"]

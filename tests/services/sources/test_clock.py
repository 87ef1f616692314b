"""The hour is said once, whoever says it and however late."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.entities import INSIGHTS
from services.sources import handler
from services.sources.handler import SERVICE
from tests.services.world import World

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SERVICE, "_opened", None)


async def test_two_instances_and_a_late_run_say_the_hour_once(world: World) -> None:
    # when
    for late in (timedelta(), timedelta(milliseconds=3), timedelta(minutes=47)):
        await handler.say_digest_due(HOUR + late)
    await handler.say_digest_due((HOUR + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=5, minutes=30))))

    # then
    (event,) = await world.events(INSIGHTS, "digest_due")
    assert event["data"] == {"at": "2026-11-22T09:00:00Z"}
    assert (event["source"], event["id"], event["time"]) == ("/sources/clock", "2026-11-22T09", "2026-11-22T09:00:00Z")


async def test_every_hour_is_another_event(world: World) -> None:
    # when
    for hours in range(25):
        await handler.say_digest_due(HOUR + timedelta(hours=hours))

    # then
    events = await world.events(INSIGHTS, "digest_due")
    assert len({event["id"] for event in events}) == len(events) == 25

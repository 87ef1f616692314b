import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from local.host.apps import HostedApp, read_app
from tests.local.host.support import host_json, hosting, until


def _app(handle: Callable[..., Any], schedule: str, **options: Any) -> HostedApp:
    app = func.FunctionApp()
    app.timer_trigger("timer", schedule=schedule, **options)(handle)
    return read_app(app, "shop", host_json(), {"SCHEDULE": "*/1 * * * * *"})


async def test_a_timer_runs_when_it_is_due_never_twice_at_once() -> None:
    # given
    runs, running = list[func.TimerRequest](), 0

    async def tick(timer: func.TimerRequest) -> None:
        nonlocal running
        running += 1
        assert running == 1
        runs.append(timer)
        await asyncio.sleep(1.1)
        running -= 1

    # when
    async with hosting(_app(tick, "%SCHEDULE%"), {}):
        await until(lambda: len(runs) == 2)

    # then
    first, second = (datetime.fromisoformat(run.schedule_status["Next"]) for run in runs)
    assert second - first >= timedelta(seconds=2), "what fell due during a run is not made up for"
    assert not runs[0].past_due


async def test_run_on_startup_runs_at_once() -> None:
    # given
    runs = list[func.TimerRequest]()

    def tick(timer: func.TimerRequest) -> None:
        runs.append(timer)

    # when
    async with hosting(_app(tick, "0 0 0 1 1 *", run_on_startup=True), {}):
        await until(lambda: bool(runs), seconds=1)

    # then
    assert len(runs) == 1


async def test_a_timer_whose_function_raises_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    # given
    runs = list[bool]()

    async def tick(timer: func.TimerRequest) -> None:
        runs.append(True)
        raise ValueError("no")

    # when
    async with hosting(_app(tick, "* * * * * *", run_on_startup=True), {}):
        await until(lambda: len(runs) == 2)

    # then
    assert "shop: tick failed: ValueError: no" in caplog.text


async def test_a_run_that_was_missed_while_the_host_was_down_is_made_up_for(tmp_path: Path) -> None:
    # given
    runs = list[func.TimerRequest]()

    def tick(timer: func.TimerRequest) -> None:
        runs.append(timer)

    missed = datetime.now(UTC) - timedelta(days=400)
    (tmp_path / "shop.tick.json").write_text(missed.isoformat())

    # when
    for _ in range(2):
        async with hosting(_app(tick, "0 0 0 1 1 *"), {}, memory=tmp_path):
            await asyncio.sleep(0.1)

    # then
    assert [run.past_due for run in runs] == [True]
    assert runs[0].schedule_status["Last"] == missed.isoformat()


@pytest.mark.parametrize("memory", ["", "nonsense", "2026-99-99"])
async def test_an_unreadable_memory_is_no_memory(tmp_path: Path, memory: str) -> None:
    # given
    def tick(timer: func.TimerRequest) -> None: ...

    (tmp_path / "shop.tick.json").write_text(memory)

    # when, then
    async with hosting(_app(tick, "0 0 0 1 1 *"), {}, memory=tmp_path):
        pass

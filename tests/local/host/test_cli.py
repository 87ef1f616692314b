import json
import logging
from collections.abc import Generator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from local.host.cli import serve
from tests.local.host.support import write_app

_TIMER = """
import azure.functions as func
app = func.FunctionApp()
@app.timer_trigger("timer", schedule="0 0 0 1 1 *")
def tick(timer: func.TimerRequest) -> None: ...
"""
_BUS = """
import azure.functions as func
app = func.FunctionApp()
@app.service_bus_queue_trigger("message", queue_name="q", connection="ServiceBus")
def on_message(message: func.ServiceBusMessage) -> None: ...
"""


@pytest.fixture
def command() -> Generator[typer.Typer]:
    app = typer.Typer()
    app.command()(serve)
    root, azure = logging.getLogger(), logging.getLogger("azure")
    handlers, levels = root.handlers[:], (root.level, azure.level)
    yield app
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    azure.setLevel(levels[1])


@pytest.mark.parametrize(
    ("source", "arguments", "says"),
    [
        (_TIMER, ["{folder}/nowhere"], "nowhere/host.json is missing"),
        (_TIMER, ["{folder}", "--settings", "{folder}/none.json"], "none.json does not exist"),
        (_TIMER, ["{folder}", "--settings", "{folder}"], "cannot be read: Is a directory"),
        (_BUS, ["{folder}"], "app: on_message connects through ServiceBus, but there is no app setting ServiceBus"),
        (
            _TIMER,
            ["{folder}", "--settings", "{folder}/traces.json"],
            "LOCAL_TRACES: /nowhere/t.jsonl cannot be written",
        ),
        (_TIMER, ["{folder}", "--state", "{folder}/host.json"], "host.json is no folder"),
    ],
)
def test_what_cannot_be_hosted_is_said_on_stderr_with_exit_code_1(
    tmp_path: Path, command: typer.Typer, monkeypatch: pytest.MonkeyPatch, source: str, arguments: list[str], says: str
) -> None:
    # given
    for name in ("ServiceBus", "LOCAL_TRACES"):
        monkeypatch.setenv(name, "")  # so that what the host sets is undone
        monkeypatch.delenv(name)
    folder = write_app(tmp_path / "app", source)
    (folder / "traces.json").write_text(json.dumps({"LOCAL_TRACES": "/nowhere/t.jsonl"}))

    # when
    result = CliRunner().invoke(command, [argument.format(folder=folder) for argument in arguments])

    # then
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.output

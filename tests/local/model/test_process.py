"""The stand-in as a process of its own: options, journal, end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from openai import APITimeoutError, AsyncOpenAI
from typer.testing import CliRunner

from local.model.cli import serve
from local.model.questions import registered_questions
from local.model.server import ModelStandIn, PortTakenError
from local.model.stats import read_journal
from services.registry import PATTERNS
from tests.local.model.worlds import KEY, ask

ROOT = Path(__file__).parents[3]


@contextmanager
def running(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that listens on a free port, and its base url."""
    process = subprocess.Popen(  # our own module
        [sys.executable, "-m", "local.model", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, "MODEL_KEY": KEY, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield process, process.stdout.readline().split()[2]
    finally:
        process.kill()
        process.communicate()


async def test_the_journal_has_every_call_even_of_a_process_that_was_killed(tmp_path: Path) -> None:
    journal = tmp_path / "calls.jsonl"
    for latency in ("0", "30"):
        with running("--journal", str(journal), LATENCY=latency) as (process, url):
            async with AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=0.5) as client:
                try:
                    await ask(client, {"event_key": f"after {latency}"})
                except APITimeoutError:
                    assert latency == "30"
            process.kill()
            process.wait()

    calls = read_journal(journal)
    assert [call.event for call in calls] == ["after 0", "after 30"]
    assert all(call.outcome == "answered" and call.tokens.prompt > 0 for call in calls)


def test_sigterm_ends_it_cleanly_and_quickly() -> None:
    with running() as (process, _):
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=5) == 0
        assert time.monotonic() - started < 2
        assert process.stderr
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        refusal = refused("--port", str(port))

    assert f"port {port} on 127.0.0.1 is in use" in refusal


def refused(*options: str, **environment: str) -> str:
    """What is said of options with which nothing can start."""
    app = typer.Typer()
    app.command()(serve)
    ended = CliRunner().invoke(app, options, env={"COLUMNS": "200", **environment})
    assert ended.exit_code == 2
    return ended.stderr


@pytest.mark.parametrize(
    ("options", "environment", "sentence"),
    [
        (["--knobs", "{"], {}, "--knobs is not JSON"),
        (["--knobs", "[]"], {}, "--knobs must be a JSON object"),
        (["--knobs", '{"lag": 1}'], {}, "lag: there is no such field; there are: latency"),
        (["--model", "small"], {}, "write DEPLOYMENT=MODEL"),
        (["--journal", "/nowhere/calls.jsonl"], {}, "/nowhere/calls.jsonl"),
        ([], {"LATENCY": "-3"}, "latency: Input should be greater than or equal to 0 (got -3.0)"),
        ([], {"SEED": "many"}, "Invalid value for '--seed' (env var: 'SEED'): Input should be a valid integer"),
    ],
)
def test_an_option_that_is_not_allowed_is_named(options: list[str], environment: dict[str, str], sentence: str) -> None:
    assert sentence in refused("--port", "0", *options, **environment)


async def test_within_a_process_a_taken_port_is_an_error_with_a_name() -> None:
    async with ModelStandIn() as first:
        with pytest.raises(PortTakenError, match=f"port {first.port} on 127.0.0.1 is in use"):
            await ModelStandIn(port=first.port).start()


async def test_it_starts_in_less_than_a_third_of_a_second_and_frees_its_port() -> None:
    started = time.monotonic()
    async with ModelStandIn() as stand_in:
        assert time.monotonic() - started < 0.3

    async with ModelStandIn(port=stand_in.port) as again:
        assert again.port == stand_in.port


def test_a_journal_line_cut_short_by_a_kill_is_left_out_and_any_other_is_an_error(tmp_path: Path) -> None:
    journal = tmp_path / "calls.jsonl"

    journal.write_text('{"at": "2026-1')
    assert read_journal(journal) == []

    journal.write_text('{"at": "2026-1\n')
    with pytest.raises(ValueError, match="line 1 is not a call"):
        read_journal(journal)


def test_every_registered_question_has_rules_by_its_name() -> None:
    questions = registered_questions()

    assert bool(questions) == any(pattern.asks for pattern in PATTERNS)
    for rules in questions.values():
        with pytest.raises(ValueError, match="validation error"):
            rules("[]")

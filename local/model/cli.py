"""python -m local model: options and environment -> a running stand-in, until SIGTERM or Ctrl-C"""

import asyncio
import signal
from contextlib import suppress
from json import JSONDecodeError, loads
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from local.model.knobs import Knobs, explain
from local.model.questions import registered_questions
from local.model.server import ModelStandIn
from local.model.shapes import is_object

DEFAULT_PORT = 8090
BAD_OPTION = 2


def serve(
    port: Annotated[int, typer.Option(help="0 takes a free port.", min=0, max=65535)] = DEFAULT_PORT,
    key: Annotated[str, typer.Option(envvar="MODEL_KEY", help="The API key. Left out: a random one.")] = "",
    latency: Annotated[float | None, typer.Option(envvar="LATENCY", help="Seconds before an answer.")] = None,
    jitter: Annotated[float | None, typer.Option(envvar="JITTER", help="Up to so many seconds more.")] = None,
    seed: Annotated[int | None, typer.Option(envvar="SEED", help="Decides which answers differ, and how.")] = None,
    differs: Annotated[float | None, typer.Option(help="Share of answers that differ from the rules.")] = None,
    knobs: Annotated[str, typer.Option(help="Any knobs as JSON, as POST /_standin/knobs takes them.")] = "{}",
    model: Annotated[list[str] | None, typer.Option(help="DEPLOYMENT=MODEL, repeatable. None: any name.")] = None,
    journal: Annotated[Path | None, typer.Option(help="File that gets a line per call.")] = None,
) -> None:
    """A stand-in for the OpenAI chat completions API, on 127.0.0.1."""
    options = {"latency": latency, "jitter": jitter, "seed": seed, "differs": differs}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        stand_in = ModelStandIn(
            port=port,
            key=key or token_urlsafe(24),
            questions=registered_questions(),
            knobs=_knobs(knobs, given),
            models=dict(_deployment(pair) for pair in model or ()),
            journal=journal,
        )
        asyncio.run(_until_stopped(stand_in))
    except (OSError, ValueError) as error:
        Console(stderr=True).print(f"model stand-in: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(BAD_OPTION) from error


async def _until_stopped(stand_in: ModelStandIn) -> None:
    stopped = asyncio.Event()
    with suppress(NotImplementedError):  # Windows: Ctrl-C cancels this coroutine instead
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with stand_in:
        print(f"model stand-in: {stand_in.base_url} (as Azure: {stand_in.azure_base_url})", flush=True)
        print(f"key: {stand_in.key}", flush=True)
        await stopped.wait()


def _knobs(text: str, options: dict[str, Any]) -> Knobs:
    try:
        raw = loads(text)
    except (JSONDecodeError, RecursionError) as error:
        raise ValueError(f"--knobs is not JSON: {error}") from error
    if not is_object(raw):
        raise ValueError(f'--knobs must be a JSON object such as {{"latency": 0.5}}, not {raw!r:.80}')
    try:
        return Knobs.model_validate({**raw, **options})
    except ValidationError as error:
        raise ValueError(explain(error, "knobs", Knobs)) from error


def _deployment(pair: str) -> tuple[str, str]:
    deployment, equals, name = pair.partition("=")
    if not (deployment and equals and name):
        raise ValueError(f"--model {pair!r}: write DEPLOYMENT=MODEL, such as small=gpt-5.4-mini-2026-03-17")
    return deployment, name

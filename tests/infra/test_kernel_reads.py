"""whatever number a stack may say about behaviour, the kernel reads: a setting it refuses dead-letters every event"""

import os
from collections.abc import Mapping
from typing import Any

import pytest

from infra.config import Config
from local.graph import evaluate
from services.kernel.settings import Settings
from tests.infra.test_settings import settings_of

SECTIONS = ("model", "budget", "retry", "outbox")
TINY, HUGE = 1e-6, 10**12
"""What stands for a bound that is excluded, and for one that is missing."""


def numbers(model: type[Config | Settings], suffix: str = "") -> dict[str, dict[str, Any]]:
    """`section:key` -> the JSON schema of each number that says how a service behaves."""
    sections = model.model_json_schema()["$defs"]
    return {
        f"{section}:{key}": described
        for section in SECTIONS
        for key, described in sections[section.capitalize() + suffix]["properties"].items()
        if described.get("type") in {"integer", "number"}
    }


OURS, THEIRS = numbers(Config), numbers(Settings, "Settings")


def least(schema: Mapping[str, Any]) -> float:
    return schema["minimum"] if "minimum" in schema else schema["exclusiveMinimum"] + TINY


def most(schema: Mapping[str, Any]) -> float:
    return schema.get("maximum", HUGE)


def default(schema: Mapping[str, Any]) -> float:
    return schema["default"]


@pytest.mark.parametrize("chosen", [least, most, default])
def test_the_kernel_reads_what_a_stack_may_say(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {key: chosen(schema) for key, schema in OURS.items()}
    graph = evaluate("dev", config_overrides={key: str(value) for key, value in said.items()})

    for name in [name for name in os.environ if name.lower().startswith(tuple(f"{each}__" for each in SECTIONS))]:
        monkeypatch.delenv(name)
    for name, value in settings_of(graph.one("web:WebApp", "inference")).items():
        monkeypatch.setenv(name, value)
    read = Settings().model_dump(by_alias=True)

    assert {key: read[section][name] for key in OURS for section, name in [key.split(":")]} == said


@pytest.mark.parametrize("key", sorted(OURS))
def test_what_a_stack_does_not_say_is_what_the_kernel_would_do(key: str) -> None:
    assert default(OURS[key]) == default(THEIRS[key])
    assert least(OURS[key]) >= least(THEIRS[key])
    assert most(OURS[key]) <= most(THEIRS[key])

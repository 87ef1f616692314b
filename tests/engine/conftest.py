"""a Pulumi CLI, or one line that says why there is none -> one stack, previewed with the policies"""

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand

from local.cloud import Cloud
from local.provider import serving
from tests.engine.cli.build import UnavailableError, command
from tests.engine.deployment import Deployment, Left, done
from tests.engine.programs import PACK

ANALYZER = "pulumi-analyzer-policy-python"

_missing: list[str] = []


@pytest.fixture(scope="session")
def pulumi(pytestconfig: pytest.Config) -> PulumiCommand:
    terminal = pytestconfig.pluginmanager.getplugin("terminalreporter")
    try:
        return command(say=terminal.write_line)
    except UnavailableError as unavailable:
        _missing.append(str(unavailable))
        pytest.skip(str(unavailable))


@pytest.fixture(scope="session")
def apart() -> Iterator[Executor]:
    """A process for the engine's runs."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield process


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The official CLI ships what starts a policy pack in Python; a built one lacks these two lines."""
    path = os.environ["PATH"]
    if shutil.which(ANALYZER):
        return path
    script: Path = tmp_path_factory.mktemp("bin") / ANALYZER
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{path}"


@pytest.fixture(scope="session")
def dev(
    pulumi: PulumiCommand, path: str, apart: Executor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """One stack for all tests, for its runs take seconds each; they record what they leave behind."""
    cloud = Cloud()
    with serving(cloud) as attached:
        yield Deployment(apart, pulumi, tmp_path_factory.mktemp("engine"), cloud, {**attached, "PATH": path})


@pytest.fixture(scope="session")
def previewed(dev: Deployment) -> Left:
    return done(dev.run("preview", policy_packs=[PACK]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in _missing:
        terminalreporter.write_line(f"the engine tests were skipped: {reason}")

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
from tests.engine.deployment import DOORS, SECRETS, WITHOUT_CODE, Deployment, Left, done
from tests.engine.programs import PACK, ROOT

ANALYZER = "pulumi-analyzer-policy-python"
SCRIPTS = {
    ANALYZER: f'exec "{sys.executable}" -u -m pulumi.policy "$1" "$2"',
    "pulumi-resource-pulumi-python": f'cd "{ROOT}" && exec "{sys.executable}" -u -m pulumi.dynamic',
}
"""What starts a policy pack, and a dynamic resource. The official CLI ships both and a built one lacks them; the
official second one looks for an environment in the program's folder, where the tests have none."""

AZ = """echo "{\\"accessToken\\": \\"$(echo "$*" | tr ' ' _)\\", \\"expires_on\\": 4102444800}" """
"""The Azure CLI of somebody who is signed in; the token says how it was asked for."""


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
    folder: Path = tmp_path_factory.mktemp("bin")
    for name, line in {**SCRIPTS, "az": AZ}.items():
        if name != ANALYZER or not shutil.which(name):
            (folder / name).write_text(f"#!/bin/sh\n{line}\n")
            (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def dev(
    pulumi: PulumiCommand, path: str, apart: Executor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """One stack for all tests, for its runs take seconds each; they record what they leave behind.

    Its code is not published: test_code.py has a stack for that.
    """
    cloud = Cloud()
    with serving(cloud) as attached:
        folder, environment = tmp_path_factory.mktemp("engine"), {**attached, "PATH": path}
        yield Deployment(apart, pulumi, folder, cloud, environment, WITHOUT_CODE | DOORS, SECRETS)


@pytest.fixture(scope="session")
def previewed(dev: Deployment) -> Left:
    return done(dev.run("preview", policy_packs=[PACK]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in _missing:
        terminalreporter.write_line(f"the engine tests were skipped: {reason}")

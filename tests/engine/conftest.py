"""A Pulumi CLI, or one line that says why there is none."""

import pytest
from pulumi.automation import PulumiCommand

from tests.engine.cli.build import UnavailableError, command

_missing: list[str] = []


@pytest.fixture(scope="session")
def pulumi(pytestconfig: pytest.Config) -> PulumiCommand:
    terminal = pytestconfig.pluginmanager.getplugin("terminalreporter")
    try:
        return command(say=terminal.write_line)
    except UnavailableError as unavailable:
        _missing.append(str(unavailable))
        pytest.skip(str(unavailable))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in _missing:
        terminalreporter.write_line(f"the engine tests were skipped: {reason}")

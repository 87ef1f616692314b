"""The real program, evaluated once for each stack."""

import pytest

from local.graph import Graph, evaluate


@pytest.fixture(scope="session")
def dev() -> Graph:
    return evaluate("dev")


@pytest.fixture(scope="session")
def local() -> Graph:
    return evaluate("local")


@pytest.fixture(params=["dev", "local"])
def stack(request: pytest.FixtureRequest) -> Graph:
    return request.getfixturevalue(request.param)

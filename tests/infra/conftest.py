"""The real program, evaluated once for each stack."""

import pytest

from local.graph import Graph, evaluate


@pytest.fixture(scope="session")
def dev() -> Graph:
    return evaluate("dev")


@pytest.fixture(scope="session")
def local() -> Graph:
    return evaluate("local")


@pytest.fixture(scope="session")
def staging() -> Graph:
    return evaluate("staging")


@pytest.fixture(scope="session")
def prod() -> Graph:
    return evaluate("prod")


@pytest.fixture(params=["dev", "local", "staging", "prod"])
def stack(request: pytest.FixtureRequest) -> Graph:
    return request.getfixturevalue(request.param)

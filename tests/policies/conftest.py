"""Stack dev as the policies see it, evaluated once, and judged by a day that does not move."""

from datetime import date

import pytest

from local.graph import Graph, evaluate
from policies.from_graph import resources
from policies.judge import in_context
from policies.resources import Stack
from policies.waivers import Waivers

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def graph() -> Graph:
    return evaluate("dev")


@pytest.fixture(scope="session")
def dev(graph: Graph) -> Stack:
    return in_context(resources(graph), Waivers(), TODAY)


@pytest.fixture(scope="session")
def prod() -> Stack:
    return in_context(resources(evaluate("prod")), Waivers(), TODAY)

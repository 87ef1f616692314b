"""The tests of change data capture run under its own keys."""

import pytest


@pytest.fixture
def the_app() -> str:
    return "cdc"

"""These tests run under the keys of the saga service."""

import pytest


@pytest.fixture
def the_app() -> str:
    return "saga"

"""These tests run under the key of event sourcing."""

import pytest


@pytest.fixture
def the_app() -> str:
    return "event_sourcing"

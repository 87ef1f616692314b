"""A mailbox for all tests of notifications, cleared for each; the clock is the test's."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import apprise
import pytest

from local.mailbox.server import Mailbox
from services.notifications import clock
from services.notifications.topology import CHANNELS


class Clock:
    """A time that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
        """A Tuesday at noon, long past for the emulators: what is scheduled comes at once."""

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def the_app() -> str:
    return "notifications"


@pytest.fixture(scope="session", autouse=True)
def _apprise() -> None:
    """Its plugins are loaded at first use, with a deprecated module among them; where nobody counts warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://127.0.0.1")


@pytest.fixture(scope="session")
def _the_mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(_the_mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    for channel in CHANNELS:
        monkeypatch.setenv(f"Secret_channel_{channel}", _the_mailbox.channel(channel))
    _the_mailbox.clear()
    return _the_mailbox


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moving = Clock()
    monkeypatch.setattr(clock, "now", lambda: moving.now)
    return moving

"""What is delivered to the mailbox is there, as it came, as often as it came."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.mailbox.app import Trouble
from local.mailbox.server import Mailbox, at_port


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as running:
        yield running


def deliver(mailbox: Mailbox, channel: str = "email", **changes: str) -> httpx.Response:
    body = {"title": "T", "message": "M", "recipient": "a@b.example", **changes}
    with httpx.Client() as client:
        return client.post(f"{mailbox.url}/{channel}", json=body, headers={"Idempotency-Key": "k"})


def test_apprise_delivers_with_recipient_and_key(mailbox: Mailbox) -> None:
    assert deliver(mailbox).status_code == 200

    (mail,) = mailbox.mail(channel="email")
    assert (mail.recipient, mail.key, mail.title, mail.body) == ("a@b.example", "k", "T", "M")
    assert not mailbox.mail(channel="sms")


def test_what_is_sent_twice_is_there_twice(mailbox: Mailbox) -> None:
    deliver(mailbox)
    deliver(mailbox)

    assert [mail.key for mail in mailbox.mail()] == ["k", "k"]


def test_a_trouble_is_met_as_often_as_it_was_said(mailbox: Mailbox) -> None:
    mailbox.trouble(Trouble(channel="email", status=503, times=1), Trouble(channel="sms", drop=True))

    assert deliver(mailbox).status_code == 503
    assert deliver(mailbox).status_code == 200
    with pytest.raises(httpx.TransportError):
        deliver(mailbox, "sms")
    assert [mail.channel for mail in mailbox.mail()] == ["email", "sms"]


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    with Mailbox(state=tmp_path) as first:
        deliver(first)
    with Mailbox(state=tmp_path) as second:
        assert len(second.mail()) == 1


def test_its_name_in_the_configuration_becomes_its_port() -> None:
    assert at_port("json://mailbox/email?a=b", 81) == "json://127.0.0.1:81/email?a=b"

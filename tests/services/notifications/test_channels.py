"""Words on their way out, through apprise as it is: one address, the key with them, and nothing but text."""

import asyncio
import json
import socketserver
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from local.mailbox.app import Trouble
from local.mailbox.server import Mailbox
from local.provision import Addresses, Plan
from local.stack import Stack
from services.notifications import channels
from services.notifications.channels import ChannelDown, Message, rendered, send, without_links
from services.notifications.events import Channel


def words(channel: Channel = "email", **changes: Any) -> Message:
    known = {"address": "ines@shop.example", "key": "delivery~1", "title": "News", "text": "It rains."}
    return Message(channel=channel, **(known | changes))


class Postman(socketserver.StreamRequestHandler):
    """As much SMTP as one mail takes (RFC 5321)."""

    mails: ClassVar[list[tuple[str, EmailMessage]]] = []

    def handle(self) -> None:
        self.say(220)
        receivers = []
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                receivers.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self.say(354)
                lines = iter(self.rfile.readline, b".\r\n")
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                self.mails.append((" ".join(receivers), mail))
            self.say(221 if verb == "QUIT" else 250)

    def say(self, code: int) -> None:
        self.wfile.write(f"{code} so be it\r\n".encode())


@pytest.fixture
def post_office() -> Iterator[int]:
    Postman.mails.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Postman) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def test_a_mail_has_one_receiver_and_its_key_in_a_header(
    post_office: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: the form that channels.py shows, without TLS
    url = f"mailto://127.0.0.1:{post_office}?from=shop@example.com&to={{address}}&+Idempotency-Key={{key}}"
    monkeypatch.setenv("Secret_channel_email", url)

    # when
    await send(words(address="o.hara+news&cc=x@shop.example", title="5 < 6\r\nBcc: boss", text="<b>&\nä"))

    # then
    ((receivers, mail),) = Postman.mails
    assert receivers == "o.hara+news&cc=x@shop.example"
    assert (mail["Idempotency-Key"], mail["Cc"], mail["Bcc"]) == ("delivery~1", None, None)
    assert mail["Subject"] == "5 < 6 Bcc: boss"
    body = mail.get_body(("html",))
    assert body
    assert "<p>&lt;b&gt;&amp;<br" in body.get_content()


@pytest.mark.parametrize("channel", ["email", "slack", "sms", "push"])
async def test_the_mailbox_gets_address_and_key_as_they_are(mailbox: Mailbox, channel: Channel) -> None:
    await send(words(channel, address="+49170?&#/@x", key="delivery~ä/1"))

    (mail,) = mailbox.mail()
    assert (mail.channel, mail.recipient, mail.key) == (channel, "+49170?&#/@x", "delivery~ä/1")


def test_the_stack_gives_the_services_channels_that_lead_to_its_mailbox(the_plan: Plan, tmp_path: Path) -> None:
    # given: a stack that hosts nothing
    stack = Stack(tmp_path)
    stack.plan = replace(the_plan, apps=())
    stack.addresses, stack.mailbox_port = Addresses(1, 2, "", "hush"), 4711

    # when
    stack.start_hosts()

    # then
    secrets = json.loads((tmp_path / "run" / "secrets.json").read_text())
    for channel in ("email", "slack", "sms", "push"):
        url = secrets[f"channel-{channel}"]
        assert url.startswith(f"json://127.0.0.1:4711/{channel}?")
        assert "{address}" in url
        assert "{key}" in url


@pytest.mark.parametrize(
    ("url", "may_recover"),
    [("", False), ("nonsense", False), ("foo://bar", False), ("json://127.0.0.1:1/x", True)],
    ids=["none", "no URL", "no scheme of apprise", "nobody there"],
)
async def test_what_is_wrong_with_a_channel_is_said_without_its_url(
    monkeypatch: pytest.MonkeyPatch, url: str, may_recover: bool
) -> None:
    # given
    monkeypatch.setenv("Secret_channel_sms", f"{url}?:token=hush" if url else "")

    # when
    with pytest.raises(ChannelDown) as down:
        await send(words("sms"))

    # then
    assert down.value.may_recover == may_recover
    assert str(down.value).startswith("sms: ")
    assert "hush" not in str(down.value)


async def test_a_channel_that_does_not_answer_is_not_waited_for_longer_than_said(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(channels, "READ", 0.1)
    mailbox.trouble(Trouble(delay=0.4, times=1))

    # when
    with pytest.raises(ChannelDown):
        await send(words("push"))
    assert not mailbox.mail()

    # then: nobody can know, but it may have been taken all the same
    async with asyncio.timeout(5):
        while not mailbox.mail():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See https://evil.example/x?y now", "See (link removed) now"),
        ("javascript:alert(1)", "(link removed)"),
        ("www.evil.example", "(link removed)"),
        ("go to evil.example/pay", "go to (link removed)"),
        ("evil.com.", "(link removed)."),
        ("write to boss@evil.example", "write to boss@(link removed)"),
        ("O-1.2 costs 12.50 EUR, z. B. today. Then more...", "O-1.2 costs 12.50 EUR, z. B. today. Then more..."),
    ],
)
def test_links_are_removed_and_sentences_stay(text: str, left: str) -> None:
    assert without_links(text) == left


@pytest.mark.parametrize(
    ("channel", "text", "shown"),
    [
        ("email", "<script>&\nb", "<p>&lt;script&gt;&amp;<br>b</p>"),
        ("slack", "<!channel> *b*", "&lt;!channel&gt; \u200b*\u200bb\u200b*\u200b"),
        ("sms", "a\nb  <c>", "a b <c>"),
        ("push", "a\nb  <c>", "a b <c>"),
    ],
)
def test_each_channel_shows_a_text_literally(channel: Channel, text: str, shown: str) -> None:
    assert rendered(words(channel, text=text))[1] == shown


@pytest.mark.parametrize(("channel", "longest"), [("email", 4_100), ("slack", 3_000), ("sms", 300), ("push", 240)])
def test_no_channel_gets_more_than_it_takes(channel: Channel, longest: int) -> None:
    title, text = rendered(words(channel, title="t" * 500, text="x" * 9_000))

    assert len(title) <= 120
    assert len(text) <= longest
    assert "…" in text

"""words + address + key -> a channel, through apprise

A channel's URL comes from Key Vault (`Secret_channel_email`, ...) and is a template: `{address}` and `{key}` are
replaced by the recipient's address and the idempotency key, each quoted, wherever the scheme can carry them:

    mailtos://user:password@smtp.example.com?from=shop@example.com&to={address}&+Idempotency-Key={key}
    slack://xoxb-1234-1234-abc124/{address}
    jsons://gateway.example.com/sms?:to={address}&+Idempotency-Key={key}

Which channel takes the key seriously is the channel's affair; ours is that the same message always has the same one.
"""

import asyncio
import html
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_settings import BaseSettings, SettingsConfigDict

from services.notifications.events import Channel

CONNECT, READ = 4, 10
"""Seconds that a channel may take to be reached, and to answer."""
LONGEST: dict[Channel, int] = {"email": 4_000, "slack": 3_000, "sms": 300, "push": 240}
"""Characters that are sent; an SMS of 300 is two parts."""
LINK = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]*://|www\.|(?:mailto|javascript|data):)\S+"
    r"|\b(?:[\w-]+\.)+[a-z]{2,}\b(?:[/?#:]\S*)?",
    re.IGNORECASE,
)
"""Nobody needs a link that a model has written; what only looks like a domain becomes one in many a mail client."""


_log = logging.getLogger("apprise")
_log.propagate = False  # it quotes URLs that it does not understand, and a channel's URL is a secret
_log.addHandler(logging.NullHandler())


class ChannelSettings(BaseSettings):
    """The channels' URLs, as infra/settings.py names them; a channel without one is not there."""

    model_config = SettingsConfigDict(env_prefix="secret_channel_", extra="ignore", case_sensitive=False)

    email: str = ""
    slack: str = ""
    sms: str = ""
    push: str = ""


class ChannelDown(Exception):  # noqa: N818
    """The channel did not take the message; it may or may not have it.

    Without a URL that apprise understands it `may_recover` only when somebody deploys another one.
    """

    def __init__(self, why: str, *, may_recover: bool = True) -> None:
        super().__init__(why)
        self.may_recover = may_recover


@dataclass(frozen=True)
class Message:
    """What one recipient gets through one channel."""

    channel: Channel
    address: str
    key: str
    title: str
    text: str


async def send(message: Message) -> None:
    """Return when the channel has taken the message.

    Raises:
        ChannelDown: if it has not, or its URL is missing or nothing that apprise understands.
    """
    template: str = getattr(ChannelSettings(), message.channel)
    if not template:
        why = f"{message.channel}: no URL is set, see secrets:channel-{message.channel}"
        raise ChannelDown(why, may_recover=False)
    await asyncio.to_thread(_notify, _filled(template, message), message)


def _filled(template: str, message: Message) -> str:
    url = template.replace("{address}", quote(message.address, safe="")).replace("{key}", quote(message.key, safe=""))
    return f"{url}{'&' if '?' in url else '?'}cto={CONNECT}&rto={READ}"


def _notify(url: str, message: Message) -> None:
    import apprise  # a sixth of a second: only who sends pays for it

    reasons: list[str] = []

    def noticed(entry: Any, _server: Any) -> None:
        reasons.append(str(entry.message))

    sender: Any = apprise.Apprise()
    if not sender.add(url):
        raise ChannelDown(f"{message.channel}: its URL is none that apprise understands", may_recover=False)
    title, body = rendered(message)
    taken = sender.notify(
        body=body, title=title, body_format="html" if message.channel == "email" else None, log_callback=noticed
    )
    if not taken:
        raise ChannelDown(f"{message.channel}: {'; '.join(reasons)[:200] or 'refused'}")


def rendered(message: Message) -> tuple[str, str]:
    """Title and body as this channel shows them literally: no markup of ours comes from a text."""
    title = " ".join(without_links(message.title).split())[:120]
    text = without_links(message.text)
    if message.channel == "email":
        text = _cut(text, LONGEST["email"])
        return title, "<p>" + html.escape(text).replace("\n", "<br>") + "</p>"
    if message.channel == "slack":  # https://api.slack.com/reference/surfaces/formatting#escaping
        return _for_slack(title), _for_slack(_cut(text, LONGEST["slack"]))
    return title, _cut(" ".join(text.split()), LONGEST[message.channel] - len(title))


def without_links(text: str) -> str:
    return LINK.sub("(link removed)", text)


def _for_slack(text: str) -> str:
    """`<!channel>` is a text like any other, and so is *bold*: a zero-width space keeps the mark from binding."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`])", "\u200b\\1\u200b", escaped)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"

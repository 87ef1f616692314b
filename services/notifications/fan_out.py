"""event + directory + answers -> one message per recipient, purely"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.entities import KEPT, NOTIFICATIONS
from services.kernel.ask import Answered
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event
from services.kernel.ids import safe_id
from services.notifications.audiences import AUDIENCES, CANCELS, PROMISES, Audience, promise, promised_to, told_anyway
from services.notifications.channels import without_links
from services.notifications.directory import Language, Member, customer, group
from services.notifications.events import (
    Addressed,
    CancelNotifications,
    FlushDigest,
    Happening,
    Listed,
    Notification,
    Page,
    Urgency,
    UrgentNotification,
    UrgentPage,
)
from services.notifications.questions import WhomAnswer, WordingAnswer

LONGEST_TITLE, LONGEST_TEXT = 100, 500
"""Characters; about 150 tokens were asked for."""
PAGE = 150
"""Messages that go into one commit: a batch of Cosmos DB takes 2 MB, and a message weighs up to 9 KB, in emoji alone.
A hundred pages fit one commit too, so an event may have 15,000 recipients."""
NOBODY = "nobody"

Wordings = Mapping[tuple[Language, str], WordingAnswer]


def whom(event: Happening, audience: Audience, members: tuple[Member, ...], answer: WhomAnswer | None) -> list[Member]:
    """Everybody who is told: those whom the model chose, and those who are told anyway; each once.

    Roles come from the directory: what the answer says beside an id is not looked at.
    """
    chosen = {told.id for told in answer.recipients} if answer and answer.should_notify else set[str]()
    chosen |= {group(role) for role in told_anyway(audience, event)}
    concerned = customer(event.customer) if audience.customer else ""
    return [
        member
        for member in members
        if (member.role in audience.roles and group(member.role) in chosen)
        or (member.recipient == concerned and concerned in chosen)
    ]


def fan_out(
    event: Event[Happening],
    members: tuple[Member, ...],
    told: list[Member],
    answered: Answered[WhomAnswer] | None,
    wordings: Wordings,
    now: datetime,
) -> Effects:
    """One message per recipient, what is cancelled besides, and a record of why."""
    audience, happening, at = AUDIENCES[event.type], event.data, event.time or now
    critical = audience.critical(happening)
    answer = answered.answer if answered else None
    messages: list[Notification] = []
    for member in told:
        override = critical and member.role in told_anyway(audience, happening)
        urgency: Urgency = "immediate" if override or answer is None else answer.urgency
        kind = UrgentNotification if urgency == "immediate" else Notification
        words = wordings[member.language, member.role]
        message = kind(
            recipient_id=member.recipient_id,
            cause=event.type,
            category=audience.category,
            about=happening.about[:200],
            at=at,
            urgency=urgency,
            critical=override,
            channel=answer.channel if answer else "email",
            title=without_links(words.title)[:LONGEST_TITLE],
            text=without_links(words.text)[:LONGEST_TEXT],
            dedupe=safe_id(event.type, happening.news),
            cancellation=promise(happening.about) if event.type in PROMISES else "",
        )
        messages.append(message)
    cancelled = _cancelled(event, members, at) if event.type in CANCELS else []
    record = {
        "id": "announcement",
        "kind": "announcement",
        "event": event.key,
        "cause": event.type,
        "about": happening.about[:200],
        "told": len(told),
        "reason": answer.reason if answer else "nobody to choose from",
        "source": answered.source if answered else "rules",
        "at": now.isoformat(),
        "ttl": int(KEPT.total_seconds()),
    }
    return Effects((Put(record),), (*announced(cancelled), *announced(messages)), note=f"{len(told)} recipients")


def announced(messages: Sequence[Addressed]) -> tuple[Announce, ...]:
    """Each message by itself; or pages of them, where one commit could not hold them all."""
    if len(messages) <= PAGE:
        return tuple(Announce(NOTIFICATIONS, message.TYPE, message) for message in messages)
    pages = (_page(messages[start : start + PAGE]) for start in range(0, len(messages), PAGE))
    return tuple(Announce(NOTIFICATIONS, page.TYPE, page) for page in pages)


def _page(messages: Sequence[Addressed]) -> Page:
    letters, listed = list[Any](), list[Listed]()
    for message in messages:
        letter = message.model_copy(update={"recipient_id": NOBODY})
        if letter not in letters:
            letters.append(letter)
        listed.append(Listed(recipient_id=message.recipient_id, letter=letters.index(letter)))
    urgent = any(isinstance(letter, UrgentNotification) for letter in letters)
    return (UrgentPage if urgent else Page)(letters=tuple(letters), recipients=tuple(listed))


def spread(page: Page) -> Effects:
    """A page's messages."""
    letters = [_in_its_lane(letter) for letter in page.letters]
    messages = [letters[each.letter].model_copy(update={"recipient_id": each.recipient_id}) for each in page.recipients]
    return Effects(events=announced(messages), note=f"{len(messages)} recipients")


def _in_its_lane(letter: Addressed) -> Addressed:
    """A page does not say in which lane a notification goes; its urgency does."""
    if isinstance(letter, Notification) and letter.urgency == "immediate":
        return UrgentNotification(**dict(letter))
    return letter


def _cancelled(event: Event[Happening], members: tuple[Member, ...], at: datetime) -> list[Addressed]:
    """Whoever may have been promised something, whether or not the model tells them of its end."""
    key, roles = promise(event.data.about), (*promised_to(), "customer")
    return [
        CancelNotifications(recipient_id=member.recipient_id, cancellation=key, at=at)
        for member in members
        if member.role in roles
    ]


def flushes(due: list[str], at: datetime) -> Effects:
    """A message to each recipient whose digest is due."""
    messages = [FlushDigest(recipient_id=each, at=at) for each in due]
    return Effects(events=announced(messages), note=f"{len(due)} digests are due")

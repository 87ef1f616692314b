"""message + what is known of its recipient -> effects in the recipient's partition, purely"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.entities import NOTIFICATIONS
from services.kernel.effects import Announce, Effects, Put, stale
from services.kernel.ids import safe_id
from services.notifications import rules, templates
from services.notifications.directory import Recipient
from services.notifications.events import (
    Channel,
    FlushDigest,
    Notification,
    NotificationDue,
    SendNotification,
    SendUrgent,
)
from services.notifications.localtime import local_day
from services.notifications.rules import Case, Ruling
from services.notifications.state import (
    COUNTERS,
    DIGEST,
    Counters,
    Delivery,
    Digest,
    Explained,
    Item,
    Status,
    put,
)

Document = Mapping[str, Any]
SHOWN = 30
"""Items that a digest spells out."""
FULL = 200
"""Items after which a digest does not wait for its hour: a document has 2 MB at most."""


@dataclass(frozen=True)
class Known:
    """A recipient's partition, as it was loaded: every write goes over the version that was read."""

    entry: Recipient | str
    counters_document: Document | None
    digest_document: Document | None

    @property
    def counters(self) -> Counters:
        return Counters.model_validate(self.counters_document or {})

    @property
    def digest(self) -> Digest:
        return Digest.model_validate(self.digest_document or {})


def delivery_id(event_key: str) -> str:
    """Follows from the event, so that whatever is sent for it always has the same idempotency key."""
    return f"delivery~{event_key}"


def admit(
    delivery: str, notification: Notification, known: Known, now: datetime, earlier: Document | None = None
) -> Effects:
    """Ask the rules; the commit claims what they grant. `earlier` is the delivery's document, if it was deferred."""
    before = Delivery.model_validate(earlier) if earlier else None
    judgement = rules.judge(Case(notification, known.entry, known.counters, now, again=before is not None))
    ruling = judgement.ruling
    counters = known.counters if ruling.outcome == "suppress" else known.counters.told(notification.dedupe, now)
    record = Delivery(
        id=delivery,
        status=_STATUS[ruling.outcome],
        notification=notification.model_dump(mode="json"),
        explained=(*(before.explained if before else ()), *judgement.explained),
        until=ruling.until,
        items=before.items if before else (),
    )
    puts: list[Put] = []
    announced: list[Announce] = []
    recipient_id = notification.recipient_id
    if ruling.outcome == "send" and isinstance(known.entry, Recipient):
        counters = counters.claimed(known.entry, now)
        record = record.model_copy(update={"claimed_at": now, "claimed_day": local_day(known.entry, now)})
        announced.append(_sending(record, notification))
    elif ruling.outcome == "defer":
        announced.append(_due(recipient_id, delivery, ruling))
    elif ruling.outcome == "digest":
        item = Item(
            delivery_id=delivery,
            category=notification.category,
            title=notification.title,
            text=notification.text,
            cancellation=notification.cancellation,
        )
        digest = _added(known.digest, item, ruling, now)
        puts.append(put("digest", DIGEST, digest, known.digest_document))
        if len(digest.items) >= FULL:
            flush_now = FlushDigest(recipient_id=recipient_id, at=now)
            announced.append(Announce(NOTIFICATIONS, flush_now.TYPE, flush_now))
    if counters != known.counters:
        puts.append(put("counters", COUNTERS, counters, known.counters_document))
    puts.append(put("delivery", delivery, record, earlier))
    return Effects(tuple(puts), tuple(announced), note=f"{ruling.outcome}: {ruling.why}"[:500])


_STATUS: dict[str, Status] = {"send": "admitted", "defer": "deferred", "digest": "digested", "suppress": "suppressed"}


def _sending(delivery: Delivery, notification: Notification) -> Announce:
    kind = SendUrgent if notification.urgency == "immediate" else SendNotification
    data = kind(recipient_id=notification.recipient_id, delivery_id=delivery.id)
    return Announce(NOTIFICATIONS, kind.TYPE, data)


def _due(recipient_id: str, delivery: str, ruling: Ruling) -> Announce:
    data = NotificationDue(recipient_id=recipient_id, delivery_id=delivery)
    return Announce(NOTIFICATIONS, data.TYPE, data, at=ruling.until)


def _added(digest: Digest, item: Item, ruling: Ruling, now: datetime) -> Digest:
    items = (*digest.items, item)
    due = digest.due_at if digest.items and digest.due_at else ruling.until
    return Digest(items=items, due_at=now.replace(microsecond=0) if len(items) >= FULL else due)


# -- sending -----------------------------------------------------------------------------------------------------------


def before_sending(delivery: Delivery, known: Known, now: datetime) -> rules.Judgement:
    """The rules that time can have changed since the delivery was admitted."""
    notification = Notification.model_validate(delivery.notification)
    return rules.judge(Case(notification, known.entry, known.counters, now, again=True), rules.BEFORE_SENDING)


def not_now(document: Document, known: Known, judgement: rules.Judgement) -> Effects:
    """Admitted, but meanwhile it may not be sent: it waits or ends, and gives its slot back."""
    delivery = Delivery.model_validate(document)
    ruling = judgement.ruling
    changed = delivery.model_copy(
        update={
            "status": _STATUS[ruling.outcome],
            "until": ruling.until,
            "explained": (*delivery.explained, *judgement.explained),
            "claimed_at": None,
        }
    )
    puts = [put("delivery", delivery.id, changed, document)]
    if delivery.claimed_at:
        counters = known.counters.released(delivery.claimed_at, delivery.claimed_day)
        puts.append(put("counters", COUNTERS, counters, known.counters_document))
    due = [_due(delivery.notification["recipient_id"], delivery.id, ruling)] if ruling.outcome == "defer" else []
    return Effects(tuple(puts), tuple(due), note=f"{ruling.outcome}: {ruling.why}"[:500])


def sent(document: Document, channel: str, tried: Sequence[str], now: datetime) -> Effects:
    """The channel has taken it."""
    delivery = Delivery.model_validate(document)
    said = [*(Explained(rule="channel", outcome="failed", why=each[:300]) for each in tried)]
    said.append(Explained(rule="channel", outcome="sent", why=f"{channel} has taken it"))
    changed = delivery.model_copy(
        update={
            "status": "sent",
            "sent_at": now,
            "channel": channel,
            "explained": (*delivery.explained, *said),
        }
    )
    return Effects((put("delivery", delivery.id, changed, document),), note=f"sent through {channel}")


def in_order(recipient: Recipient, preferred: Channel) -> list[tuple[Channel, str]]:
    """The recipient's channels: the one that was asked for first if they have it, then in their order."""
    theirs: list[tuple[Channel, str]] = [(each.channel, each.address) for each in recipient.channels]
    return sorted(theirs, key=lambda each: each[0] != preferred)


# -- digests -----------------------------------------------------------------------------------------------------------


def flush(delivery: str, recipient_id: str, known: Known, at: datetime, now: datetime) -> Effects:
    """One message of all that waits; what arrives meanwhile conflicts with this commit, and is in the next."""
    digest = known.digest
    if not digest.items or digest.due_at is None or digest.due_at > at:
        return stale("no digest is due")
    if not isinstance(known.entry, Recipient):
        return _dropped(delivery, recipient_id, known, known.entry, now)
    recipient = known.entry
    items = [item for item in digest.items if item.category not in recipient.opted_out]
    if not items:
        return _dropped(delivery, recipient_id, known, "opted out of all that is in it", now)
    title, text = _summary(recipient, items)
    notification = _digest_message(recipient_id, title, text, recipient.channels[0].channel, at, delivery)
    record = Delivery(
        id=delivery,
        status="admitted",
        notification=notification.model_dump(mode="json"),
        explained=(Explained(rule="digest", outcome="send", why=f"due at {digest.due_at.isoformat()}"),),
        items=tuple(item.delivery_id for item in items),
    )
    puts = (put("digest", DIGEST, Digest(), known.digest_document), put("delivery", delivery, record, None))
    return Effects(puts, (_sending(record, notification),), note=f"a digest of {len(items)}")


def _dropped(delivery: str, recipient_id: str, known: Known, why: str, now: datetime) -> Effects:
    """A digest that may not be sent any more; its record says what was in it, and why."""
    record = Delivery(
        id=delivery,
        status="suppressed",
        notification=_digest_message(recipient_id, "", "", "email", now, delivery).model_dump(mode="json"),
        explained=(Explained(rule="digest", outcome="suppress", why=why),),
        items=tuple(item.delivery_id for item in known.digest.items),
    )
    return Effects(
        (put("digest", DIGEST, Digest(), known.digest_document), put("delivery", delivery, record, None)),
        note=why[:500],
    )


def _digest_message(
    recipient_id: str, title: str, text: str, channel: Channel, at: datetime, delivery: str
) -> Notification:
    return Notification(
        recipient_id=recipient_id,
        cause="digest_due",
        category="digest",
        about="digest",
        at=at,
        urgency="normal",
        channel=channel,
        title=title,
        text=text,
        dedupe=safe_id("digest", delivery),
    )


def _summary(recipient: Recipient, items: Sequence[Item]) -> tuple[str, str]:
    lines = [f"{item.title}: {item.text}" for item in items[:SHOWN]]
    if len(items) > SHOWN:
        lines.append(templates.AND_MORE[recipient.language].format(n=len(items) - SHOWN))
    return templates.DIGEST_TITLES[recipient.language].format(n=len(items)), "\n".join(lines)


# -- cancelling --------------------------------------------------------------------------------------------------------


def cancel(key: str, at: datetime, known: Known, waiting: Sequence[Document], now: datetime) -> Effects:
    """End what waits and was promised until `at`; and remember it, for promises may still be on their way.

    What was digested waits as long as it is in the digest; later it has been told.
    """
    held = {item.delivery_id for item in known.digest.items}
    ended = [
        document
        for document in waiting
        if (document["status"] == "deferred" or document["id"] in held)
        and Notification.model_validate(document["notification"]).at <= at
    ]
    gone = {document["id"] for document in ended}
    why = Explained(rule="cancellation", outcome="cancel", why=f"what it promised was undone at {at.isoformat()}")
    puts = [put("counters", COUNTERS, known.counters.cancelling(key, at, now), known.counters_document)]
    for document in ended:
        delivery = Delivery.model_validate(document)
        changed = delivery.model_copy(update={"status": "cancelled", "explained": (*delivery.explained, why)})
        puts.append(put("delivery", delivery.id, changed, document))
    kept = tuple(item for item in known.digest.items if item.delivery_id not in gone)
    if len(kept) < len(known.digest.items):
        puts.append(put("digest", DIGEST, known.digest.model_copy(update={"items": kept}), known.digest_document))
    return Effects(tuple(puts), note=f"{len(ended)} cancelled")

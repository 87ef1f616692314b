"""something happened -> whom to tell -> each recipient's rules -> a channel

Three stories: `notify` makes one message per recipient, `admit` asks that recipient's rules and claims a slot, `send`
delivers what has one. Each ends with a commit of its own, so that a crash repeats one step for one recipient.
"""

from services.entities import RECIPIENTS
from services.kernel.commit import Home
from services.kernel.effects import Effects, stale
from services.kernel.event import Event, EventData
from services.kernel.ids import safe_id
from services.kernel.outcome import Park, Retry
from services.kernel.ports import Ports
from services.kernel.service import Reaction, Service
from services.notifications import channels, clock, decide, directory, fan_out
from services.notifications.audiences import AUDIENCES, looked_up
from services.notifications.channels import ChannelDown, Message
from services.notifications.decide import Known
from services.notifications.directory import Language, Recipient
from services.notifications.events import (
    HAPPENINGS,
    Addressed,
    CancelNotifications,
    DigestDue,
    FlushDigest,
    Happening,
    Notification,
    NotificationDue,
    OfDelivery,
    Page,
    SendNotification,
    SendUrgent,
    UrgentNotification,
    UrgentPage,
)
from services.notifications.questions import WHOM, WORDING, WordingAnswer, WordingFacts, details, event_facts
from services.notifications.state import COUNTERS, DIGEST, Delivery, text_of
from services.notifications.topology import TOPOLOGY

# -- one event, many recipients ----------------------------------------------------------------------------------------


async def notify(event: Event[Happening], ports: Ports) -> Effects:
    audience, happening = AUDIENCES[event.type], event.data
    concerned = happening.customer if audience.customer else ""
    members = await directory.members(ports, looked_up(event.type), concerned)
    facts = event_facts(happening, audience, members)
    answered = await ports.ask(WHOM, facts) if facts.candidates else None
    told = fan_out.whom(happening, audience, members, answered.answer if answered else None)
    wordings: dict[tuple[Language, str], WordingAnswer] = {}
    wanted: set[tuple[Language, str]] = {(member.language, member.role) for member in told}
    for language, role in sorted(wanted):
        words = WordingFacts(
            kind=event.type, about=happening.called, details=details(happening), language=language, role=role
        )
        wordings[language, role] = (await ports.ask(WORDING, words, about=f"{language}~{role}")).answer
    return fan_out.fan_out(event, members, told, answered, wordings, clock.now())


async def spread(event: Event[Page], _ports: Ports) -> Effects:
    return fan_out.spread(event.data)


async def find_digests(event: Event[DigestDue], ports: Ports) -> Effects:
    due = await ports.query(
        RECIPIENTS,
        "SELECT c.recipient_id FROM c WHERE c.kind = 'digest' AND c.due_at <= @at",
        {"at": text_of(event.data.at)},
    )
    return fan_out.flushes(sorted(row["recipient_id"] for row in due), event.data.at)


# -- one recipient -----------------------------------------------------------------------------------------------------


async def admit(event: Event[Notification], ports: Ports) -> Effects:
    return decide.admit(decide.delivery_id(event.key), event.data, await _known(ports), clock.now())


async def admit_again(event: Event[NotificationDue], ports: Ports) -> Effects:
    document = await ports.mine(event.data.delivery_id)
    if document is None or document["status"] != "deferred":
        return stale(f"the delivery is {document['status'] if document else 'not there'}")
    notification = Notification.model_validate(document["notification"])
    return decide.admit(document["id"], notification, await _known(ports), clock.now(), document)


async def send(event: Event[OfDelivery], ports: Ports) -> Effects:
    document = await ports.mine(event.data.delivery_id)
    if document is None or document["status"] != "admitted":
        return stale(f"the delivery is {document['status'] if document else 'not there'}")
    delivery, known = Delivery.model_validate(document), await _known(ports)
    judgement = decide.before_sending(delivery, known, clock.now())
    if judgement.ruling.outcome != "send" or not isinstance(known.entry, Recipient):
        return decide.not_now(document, known, judgement)
    recipient = known.entry
    channel, tried = await ports.once("send", lambda: _deliver(recipient, delivery, last_attempt=ports.last_attempt))
    return decide.sent(document, channel, tried, clock.now())


async def flush_digest(event: Event[FlushDigest], ports: Ports) -> Effects:
    known = await _known(ports)
    return decide.flush(decide.delivery_id(event.key), event.data.recipient_id, known, event.data.at, clock.now())


async def cancel(event: Event[CancelNotifications], ports: Ports) -> Effects:
    known = await _known(ports)  # first: what is admitted while we look for what waits, conflicts with our commit
    waiting = await ports.query(
        RECIPIENTS,
        "SELECT * FROM c WHERE c.kind = 'delivery' AND c.notification.cancellation = @key "
        "AND (c.status = 'deferred' OR c.status = 'digested')",
        {"key": event.data.cancellation},
        partition=ports.home.partition,
    )
    return decide.cancel(event.data.cancellation, event.data.at, known, waiting, clock.now())


async def _known(ports: Ports) -> Known:
    """What the rules look at. The entry is written by others, at any time; counters and digest by us alone."""
    entry = await ports.mine(ports.home.partition)
    return Known(directory.read_entry(entry), await ports.mine(COUNTERS), await ports.mine(DIGEST))


async def _deliver(recipient: Recipient, delivery: Delivery, *, last_attempt: bool) -> tuple[str, list[str]]:
    """The channel that has taken it, and what the others said.

    Raises:
        Retry: while a channel that they prefer may recover.
        Park: `undeliverable`, if none of the recipient's channels takes it.
    """
    notification, tried = Notification.model_validate(delivery.notification), list[str]()
    for channel, address in decide.in_order(recipient, notification.channel):
        message = Message(channel, address, delivery.id, notification.title, notification.text)
        try:
            await channels.send(message)
        except ChannelDown as down:
            if down.may_recover and not last_attempt:
                raise Retry("channel-down", str(down)) from down
            tried.append(str(down))
        else:
            return channel, tried
    raise Park("undeliverable", "; ".join(tried))


def _recipient(event: Event[Addressed]) -> Home:
    return Home(RECIPIENTS, event.data.recipient_id)


def _event(event: Event[EventData]) -> Home:
    return Home(RECIPIENTS, safe_id("event", event.key))


SERVICE = Service(
    TOPOLOGY,
    (
        *(Reaction(kind, _event, notify) for kind in HAPPENINGS),
        Reaction(DigestDue, _event, find_digests),
        Reaction(UrgentPage, _event, spread),
        Reaction(Page, _event, spread),
        Reaction(UrgentNotification, _recipient, admit),
        Reaction(Notification, _recipient, admit),
        Reaction(NotificationDue, _recipient, admit_again),
        Reaction(SendUrgent, _recipient, send),
        Reaction(SendNotification, _recipient, send),
        Reaction(FlushDigest, _recipient, flush_digest),
        Reaction(CancelNotifications, _recipient, cancel),
    ),
)

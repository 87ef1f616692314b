"""attach frame -> address -> the link it opens, or the one that refuses it"""

from typing import TYPE_CHECKING

from local.servicebus.addresses import parse_address
from local.servicebus.cbs import put_token
from local.servicebus.consumer import ConsumerLink
from local.servicebus.entities import TopicEntity
from local.servicebus.links import Link, RefusedError, RefusedLink, address_of
from local.servicebus.management import manager
from local.servicebus.performatives import SENDER, Attach
from local.servicebus.producer import ProducerLink
from local.servicebus.requests import ReplyLink, RequestLink

if TYPE_CHECKING:
    from local.servicebus.session import Session


def open_link(session: "Session", frame: Attach) -> Link:
    try:
        return _open(session, frame)
    except RefusedError as refused:
        return RefusedLink(session, frame, refused.error)


def _open(session: "Session", frame: Attach) -> Link:
    raw = address_of(frame.target if frame.role is SENDER else frame.source)
    if raw is None:
        raise RefusedError("amqp:not-implemented", "a link needs an address here: no transactions, no dynamic nodes")
    if raw == "$cbs":
        return RequestLink(session, frame, put_token) if frame.role is SENDER else ReplyLink(session, frame)
    address = parse_address(raw)
    entity = session.connection.broker.entities.get(address.entity)
    if entity is None:
        known = ", ".join(sorted(entity.path for entity in session.connection.broker.entities.values()))
        wrong = f"The messaging entity '{address.entity}' could not be found. This emulator's config has: {known}"
        raise RefusedError("amqp:not-found", wrong)
    if address.management:
        if frame.role is not SENDER:
            return ReplyLink(session, frame)
        return RequestLink(session, frame, manager(entity, address.sub_queue))
    if frame.role is SENDER:
        if address.sub_queue:
            raise RefusedError("amqp:not-allowed", f"'{raw}' takes no messages: send to '{entity.path}'")
        return ProducerLink(session, frame, entity)
    if isinstance(entity, TopicEntity):
        raise RefusedError("amqp:not-allowed", f"'{entity.path}' is a topic: receive from a subscription of it")
    return ConsumerLink(session, frame, entity, entity.node(address.sub_queue))

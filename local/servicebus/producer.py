"""payload -> batch split -> parsed -> refused, or taken in by the broker -> accepted once committed"""

from typing import TYPE_CHECKING, Any

from local.servicebus import codec
from local.servicebus.auth import Right
from local.servicebus.broker import clock
from local.servicebus.codec import CodecError
from local.servicebus.entities import Entity, SubscriptionEntity
from local.servicebus.links import ReceivingLink, RefusedError
from local.servicebus.message import BATCH_FORMAT, parse, split_batch
from local.servicebus.performatives import AmqpError, Attach

if TYPE_CHECKING:
    from local.servicebus.session import Session


class ProducerLink(ReceivingLink):
    """A client's sender on a queue or topic. A batch is taken whole or not at all."""

    def __init__(self, session: "Session", frame: Attach, entity: Entity) -> None:
        super().__init__(session, frame)
        self._entity = entity
        self.max_size = self.connection.broker.max_message_size
        if isinstance(entity, SubscriptionEntity):
            raise RefusedError("amqp:not-allowed", f"'{entity.path}' is a subscription: send to its topic")
        if wrong := self.connection.refusal(Right.SEND, entity.path):
            raise RefusedError("amqp:unauthorized-access", wrong)

    def on_message(self, payload: bytes, message_format: int) -> Any:
        broker = self.connection.broker
        try:
            parts = split_batch(payload) if message_format == BATCH_FORMAT else [payload]
            messages = [parse(part) for part in parts]
        except CodecError as wrong:
            return codec.rejected(AmqpError("amqp:decode-error", str(wrong)))
        for message in messages:
            if wrong := broker.problem(self._entity, message):
                return codec.rejected(wrong)
        now = clock()
        for message in messages:
            broker.send(self._entity, message, now)
        return codec.ACCEPTED

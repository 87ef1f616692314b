"""request on one link -> handler -> reply on the peer's other link to the same address

The request-response pairs of `$cbs` and `$management`. The reply link is found by its address, because the SDK's
reply-to is not unique.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from local.servicebus import codec
from local.servicebus.codec import CodecError
from local.servicebus.links import ReceivingLink, SendingLink, address_of
from local.servicebus.performatives import AmqpError, Attach

if TYPE_CHECKING:
    from local.servicebus.connection import Connection
    from local.servicebus.session import Session

Answer = tuple[dict[str | bytes, Any], Any]
Handler = Callable[["Connection", dict[str, Any], Any], Answer]
MAX_REQUEST: Final = 8 << 20  # schedule-message carries many messages at once


class ReplyLink(SendingLink):
    def __init__(self, session: "Session", frame: Attach) -> None:
        super().__init__(session, frame)
        self.address = address_of(frame.source)
        self._waiting: deque[bytes] = deque()

    def reply(self, payload: bytes) -> None:
        self._waiting.append(payload)
        self.on_credit()

    def on_credit(self) -> None:
        while self.credit > 0 and self._waiting:
            self.transfer(uuid4().bytes_le, self._waiting.popleft(), settled=True)


class RequestLink(ReceivingLink):
    """`handler` gets application properties and body and gives those of the reply."""

    max_size = MAX_REQUEST

    def __init__(self, session: "Session", frame: Attach, handler: Handler) -> None:
        super().__init__(session, frame)
        self._handler = handler
        self._address = address_of(frame.target)

    def on_message(self, payload: bytes, message_format: int) -> Any:  # noqa: ARG002 - requests have one format
        try:
            message_id, properties, value = codec.decode_request(payload)
        except CodecError as wrong:
            return codec.rejected(AmqpError("amqp:decode-error", str(wrong)))
        links = self.session.links.values()
        reply = next((link for link in links if isinstance(link, ReplyLink) and link.address == self._address), None)
        if reply is None:
            return codec.rejected(AmqpError("amqp:not-allowed", f"no receiver is attached to '{self._address}'"))
        answer, body = self._handler(self.connection, properties, value)
        reply.reply(codec.encode_response(message_id, answer, body))
        return codec.ACCEPTED

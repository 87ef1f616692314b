"""attach -> credit -> transfers, in either direction

What every link of ours does (AMQP 1.0 part 2, section 2.6); what it is for is in `producer.py`, `consumer.py` and
`requests.py`, and which one an attach opens in `attach.py`.
"""

from typing import TYPE_CHECKING, Any, Final

from local.servicebus import codec
from local.servicebus.performatives import SENDER, AmqpError, Attach, Detach, Disposition, Flow, Transfer, text

if TYPE_CHECKING:
    from local.servicebus.connection import Connection
    from local.servicebus.session import Session

CREDIT: Final = 1000


class RefusedError(Exception):
    """An attach that is answered with this condition and sentence."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.error = AmqpError(condition, description)


def address_of(terminus: Any) -> str | None:
    """The address in a source or target as it came, None if there is none."""
    return text(terminus[0]) if isinstance(terminus, list) and terminus and isinstance(terminus[0], bytes) else None


class Link:
    """Our end of a link. `detached` once we have sent a detach, so that the peer's is not answered again."""

    def __init__(self, session: "Session", frame: Attach) -> None:
        self.session = session
        self.frame = frame
        self.handle = frame.handle
        self.detached = False

    @property
    def connection(self) -> "Connection":
        return self.session.connection

    def attach(self) -> None:
        self._answer()

    def _answer(
        self, session_id: str | None = None, properties: dict[str, Any] | None = None, size: int | None = None
    ) -> None:
        """Attach with the peer's own addresses and settle modes: it compares them."""
        self.session.send(
            self.frame._replace(
                role=not self.frame.role,
                source=codec.source(address_of(self.frame.source), session_id),
                target=codec.target(address_of(self.frame.target)),
                unsettled=None,
                initial_delivery_count=None if self.frame.role is SENDER else 0,
                max_message_size=size,
                desired_capabilities=None,
                properties=properties,
            )
        )

    def refuse(self, wrong: AmqpError) -> None:
        """Attach without termini, then detach: with them the client would think itself attached."""
        count = None if self.frame.role is SENDER else 0
        self.session.send(Attach(self.frame.name, self.handle, not self.frame.role, initial_delivery_count=count))
        self.detach(wrong)

    def detach(self, wrong: AmqpError) -> None:
        if not self.detached:
            self.detached = True
            self.session.send(Detach(self.handle, closed=True, error=codec.amqp_error(wrong)))

    def on_flow(self, frame: Flow) -> None:
        if frame.echo:
            self.session.flow(self.handle)

    def on_transfer(self, frame: Transfer) -> None:
        """A transfer on a link that we closed meanwhile is dropped."""

    def on_detach(self) -> None:
        """The peer closed the link."""

    def vanish(self) -> None:
        """The peer is gone with its connection or session."""
        self.on_detach()


class RefusedLink(Link):
    def __init__(self, session: "Session", frame: Attach, wrong: AmqpError) -> None:
        super().__init__(session, frame)
        self._wrong = wrong

    def attach(self) -> None:
        self.refuse(self._wrong)


class SendingLink(Link):
    """We send, as far as the peer's credit goes."""

    credit = 0
    _delivery_count = 0

    def on_flow(self, frame: Flow) -> None:
        if frame.link_credit is not None:
            self.credit = ((frame.delivery_count or 0) + frame.link_credit - self._delivery_count) & 0xFFFFFFFF
            self.on_credit()
        if frame.drain and self.credit:
            self._delivery_count = (self._delivery_count + self.credit) & 0xFFFFFFFF
            self.credit = 0
            self.session.flow(self.handle, self._delivery_count, 0)
        elif frame.echo:
            self.session.flow(self.handle, self._delivery_count, self.credit)

    def on_credit(self) -> None:
        """There is credit to be used."""

    def transfer(self, tag: bytes, payload: bytes, *, settled: bool) -> int:
        self.credit -= 1
        self._delivery_count = (self._delivery_count + 1) & 0xFFFFFFFF
        return self.session.transfer(self, tag, payload, settled=settled)


class ReceivingLink(Link):
    """The peer sends; we put a delivery's transfers together and settle it."""

    max_size: int

    def __init__(self, session: "Session", frame: Attach) -> None:
        super().__init__(session, frame)
        self._first: Transfer | None = None
        self._payload = bytearray()
        self._received = 0
        self._granted = 0

    def attach(self) -> None:
        self._answer(size=self.max_size)
        self._grant()

    def _grant(self) -> None:
        self._granted = CREDIT
        count = ((self.frame.initial_delivery_count or 0) + self._received) & 0xFFFFFFFF
        self.session.flow(self.handle, count, CREDIT)

    def on_transfer(self, frame: Transfer) -> None:
        self._first = first = self._first or frame
        if len(self._payload) <= self.max_size:  # beyond that only the refusal counts
            self._payload += frame.payload
        if frame.more and not frame.aborted:
            return
        payload, self._payload, self._first = bytes(self._payload), bytearray(), None
        self._received += 1
        self._granted -= 1
        if not frame.aborted and not self.detached:
            outcome = self._outcome(payload, first.message_format)
            if not (frame.settled or first.settled) and first.delivery_id is not None:
                number = first.delivery_id
                self.session.send(Disposition(not SENDER, number, number, settled=True, state=outcome))
        if self._granted < CREDIT // 2:
            self._grant()

    def _outcome(self, payload: bytes, message_format: int) -> Any:
        if len(payload) > self.max_size:
            wrong = f"The message is larger than the {self.max_size} bytes that '{address_of(self.frame.target)}' takes"
            return codec.rejected(AmqpError("amqp:link:message-size-exceeded", wrong))
        return self.on_message(payload, message_format)

    def on_message(self, payload: bytes, message_format: int) -> Any:
        """Take a whole delivery; the outcome to settle it with."""
        raise NotImplementedError

"""attach, flow, transfer, disposition, detach -> the link they are meant for

An AMQP session: handles, delivery numbers and the transfer window (AMQP 1.0 part 2, section 2.5). Nothing to do with
Service Bus's message sessions, which are in `sessions.py`.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from local.servicebus.attach import open_link
from local.servicebus.links import Link
from local.servicebus.performatives import (
    SENDER,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Flow,
    Performative,
    ProtocolError,
    Transfer,
)

if TYPE_CHECKING:
    from local.servicebus.connection import Connection

WINDOW: Final = 1 << 20
FRAME_OVERHEAD: Final = 96  # more than the performative of a transfer needs beside its payload


class Settles(Protocol):
    """A link that waits for what becomes of its deliveries."""

    def on_outcome(self, delivery_id: int, state: Any) -> Any: ...


class Session:
    def __init__(self, connection: "Connection", channel: int, begin: Begin) -> None:
        self.connection = connection
        self.links: dict[int, Link] = {}
        self.unsettled: dict[int, Settles] = {}
        self._channel = channel
        self._next_incoming_id = begin.next_outgoing_id
        self._next_outgoing_id = 0
        self._next_delivery_id = 0
        self._peer_window = begin.incoming_window
        self._backlog: deque[Transfer] = deque()
        self.send(Begin(channel, next_outgoing_id=0, incoming_window=WINDOW, outgoing_window=WINDOW))

    def send(self, performative: Performative) -> None:
        self.connection.send(self._channel, performative)

    def on_frame(self, frame: Performative) -> bool:
        """Handle one frame; False once the session has ended.

        Raises:
            ProtocolError: a frame that has no meaning here.
        """
        match frame:
            case Attach():
                self._attach(frame)
            case Flow():
                self._flow(frame)
            case Transfer():
                self._next_incoming_id = (self._next_incoming_id + 1) & 0xFFFFFFFF
                self._link(frame.handle).on_transfer(frame)
            case Disposition():
                self._disposition(frame)
            case Detach():
                self._detach(frame)
            case End():
                self.vanish()
                self.send(End())
                return False
            case _:
                raise ProtocolError("amqp:illegal-state", f"{type(frame).__name__} inside a session")
        return True

    def vanish(self) -> None:
        """The peer is gone without detaching."""
        links, self.links = self.links, {}
        for link in links.values():
            link.vanish()

    # Links

    def _link(self, handle: int) -> Link:
        if handle not in self.links:
            raise ProtocolError("amqp:session:unattached-handle", f"no link is attached with handle {handle}")
        return self.links[handle]

    def _attach(self, frame: Attach) -> None:
        if frame.handle in self.links:
            raise ProtocolError("amqp:session:handle-in-use", f"handle {frame.handle} has a link already")
        self.links[frame.handle] = link = open_link(self, frame)
        link.attach()

    def _detach(self, frame: Detach) -> None:
        link = self._link(frame.handle)
        del self.links[frame.handle]
        link.on_detach()
        if not link.detached:
            self.send(Detach(frame.handle, closed=True))

    def _flow(self, frame: Flow) -> None:
        base = frame.next_incoming_id if frame.next_incoming_id is not None else 0
        self._peer_window = base + frame.incoming_window - self._next_outgoing_id
        self._push()
        if frame.handle is not None:
            self._link(frame.handle).on_flow(frame)
        elif frame.echo:
            self.flow()

    def flow(self, handle: int | None = None, delivery_count: int | None = None, credit: int | None = None) -> None:
        """Tell the session's state and, with a handle, a link's."""
        self.send(Flow(self._next_incoming_id, WINDOW, self._next_outgoing_id, WINDOW, handle, delivery_count, credit))

    # Deliveries

    def transfer(self, link: Link, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send a message in as many frames as the peer's frame size needs; its delivery number."""
        delivery_id, self._next_delivery_id = self._next_delivery_id, self._next_delivery_id + 1
        room = self.connection.peer_max_frame - FRAME_OVERHEAD
        for start in range(0, len(payload), room):
            first, more = start == 0, start + room < len(payload)
            numbers = (delivery_id, tag) if first else (None, None)
            chunk = payload[start : start + room]
            self._backlog.append(Transfer(link.handle, *numbers, settled=settled, more=more, payload=chunk))
        self._push()
        return delivery_id

    def _push(self) -> None:
        while self._backlog and self._peer_window > 0:
            self.send(self._backlog.popleft())
            self._next_outgoing_id = (self._next_outgoing_id + 1) & 0xFFFFFFFF
            self._peer_window -= 1

    def _disposition(self, frame: Disposition) -> None:
        if frame.role is SENDER:
            return  # the peer settles what we already settled
        last = frame.first if frame.last is None else frame.last
        for delivery_id in [number for number in self.unsettled if frame.first <= number <= last]:
            echo = self.unsettled[delivery_id].on_outcome(delivery_id, frame.state)
            if frame.settled or echo is not None:
                del self.unsettled[delivery_id]
            if not frame.settled and echo is not None:
                self.send(Disposition(SENDER, delivery_id, delivery_id, settled=True, state=echo))

"""events.jsonl -> lines: each with the message it is sent as, and the key under which the stores will know it."""

import re
from dataclasses import dataclass
from pathlib import Path

from azure.servicebus import ServiceBusMessage

from local.processes import StackError
from services.kernel.delivery import Delivery
from services.kernel.event import BARE, open_envelope
from services.kernel.ids import safe_id
from services.kernel.outcome import Park

TYPE = re.compile(r'"type"\s*:\s*"([^"\\]{1,100})"')
LONGEST_ID = 128
"""Characters that Service Bus allows in a message id."""


@dataclass(frozen=True)
class Line:
    """One line of the file. `key` is None where it holds no event; `subject` is what a producer would call it."""

    number: int
    text: str
    message_id: str
    subject: str | None
    key: str | None

    def message(self) -> ServiceBusMessage:
        return ServiceBusMessage(self.text, message_id=self.message_id, subject=self.subject)


def read_lines(file: Path, run: str) -> list[Line]:
    """All lines of a file that are not blank. `run` goes into the ids of lines that have none of their own.

    Raises:
        StackError: if the file cannot be read or holds no line.
    """
    try:
        texts = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"EVENTS={file}: {error}; a UTF-8 file with one event per line is expected") from error
    lines = [_line(number, text, run) for number, text in enumerate(texts, start=1) if text.strip()]
    if not lines:
        raise StackError(f"EVENTS={file}: the file holds no line; one event per line is expected")
    return lines


def _line(number: int, text: str, run: str) -> Line:
    """What a producer does: the event's id becomes the message id, so that the broker can detect duplicates."""
    made_up = f"{run}-line-{number}"
    kind = TYPE.search(text)
    subject = kind.group(1) if kind else None
    body = text.encode()
    delivery = Delivery(
        body=body,
        message_id=made_up,
        sequence=0,
        first_id=made_up,
        attempt=1,
        spent=0,
        properties={},
        enqueued=None,
        session_id=None,
    )
    try:
        envelope = open_envelope(delivery)
    except Park:
        return Line(number, text, made_up, subject, None)
    if envelope.source == BARE:
        return Line(number, text, made_up, envelope.type, envelope.key)
    own = envelope.id if len(envelope.id) <= LONGEST_ID else safe_id(envelope.id)
    return Line(number, text, own, envelope.type, envelope.key)

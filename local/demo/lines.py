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


@dataclass(frozen=True)
class Line:
    """One line of the file. `key` is None where it holds no event; `subject` is what a producer would call it."""

    number: int
    text: str
    message_id: str
    subject: str | None
    key: str | None
    fingerprint: str = ""

    def message(self) -> ServiceBusMessage:
        return ServiceBusMessage(self.text, message_id=self.message_id, subject=self.subject)


def read_lines(file: Path, run: str) -> list[Line]:
    """All lines of a file that are not blank. `run` goes into the ids of lines that have none of their own.

    Raises:
        StackError: if the file cannot be read or holds no line.
    """
    try:
        texts = file.read_bytes().decode("utf-8-sig").split("\n")  # JSON may hold what else ends a line for Unicode
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"EVENTS={file}: {error}; a UTF-8 file with one event per line is expected") from error
    lines = [_line(number, text.rstrip("\r"), run) for number, text in enumerate(texts, start=1) if text.strip()]
    if not lines:
        raise StackError(f"EVENTS={file}: the file holds no line; one event per line is expected")
    return lines


def _line(number: int, text: str, run: str) -> Line:
    """What a producer does: the message id follows from id and content, so that the broker detects what was sent twice,
    and nothing but that: an id that is used again for another content must reach the inbox, which tells.
    """
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
    )
    try:
        envelope = open_envelope(delivery)
    except Park:
        return Line(number, text, made_up, subject, None)
    if envelope.source == BARE:
        return Line(number, text, made_up, envelope.type, envelope.key, envelope.fingerprint)
    return Line(
        number,
        text,
        safe_id(envelope.source, envelope.fingerprint, envelope.id),
        envelope.type,
        envelope.key,
        envelope.fingerprint,
    )

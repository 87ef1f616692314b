"""samples/*.jsonl -> lines: each with what it is, and for an event the key under which the stores will know it.

A line is an event (a CloudEvent, or bare), a database write by somebody else, or an alert of Azure Monitor. What is
none of them is sent all the same, as an event: that it ends in `dead-letters` is what the demo shows.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from azure.servicebus import ServiceBusMessage

from local.processes import StackError
from services.kernel.delivery import Delivery
from services.kernel.event import BARE, open_envelope
from services.kernel.ids import safe_id
from services.kernel.outcome import Park

TYPE = re.compile(r'"type"\s*:\s*"([^"\\]{1,100})"')
ALERT = "azureMonitorCommonAlertSchema"

Kind = Literal["event", "write", "alert"]


@dataclass(frozen=True)
class Line:
    """One line of the files. `key` is None where it holds no event; `subject` is what a producer would call it.

    `number` counts through all files of a run, `place` is where a person finds it.
    """

    number: int
    text: str
    message_id: str
    subject: str | None
    key: str | None
    fingerprint: str = ""
    kind: Kind = "event"
    place: str = ""

    def message(self) -> ServiceBusMessage:
        return ServiceBusMessage(self.text, message_id=self.message_id, subject=self.subject)


def read_lines(files: Path | Sequence[Path], run: str) -> list[Line]:
    """All lines of these files that are not blank. `run` goes into the ids of lines that have none of their own.

    Raises:
        StackError: if a file cannot be read or holds no line.
    """
    lines: list[Line] = []
    several = not isinstance(files, Path) and len(files) > 1
    for file in [files] if isinstance(files, Path) else files:
        found = _of_file(file, run if not lines else f"{run}-{file.stem}")
        where = f"{file.stem} " if several else ""
        lines += [
            replace(line, number=len(lines) + at, place=f"{where}{line.number}") for at, line in enumerate(found, 1)
        ]
    return lines


def _of_file(file: Path, run: str) -> list[Line]:
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
    if kind := _no_event(text):
        return Line(number, text, made_up, kind, None, kind=kind)
    found = TYPE.search(text)
    subject = found.group(1) if found else None
    try:
        envelope = open_envelope(delivery_of(text, made_up))
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


def _no_event(text: str) -> Literal["write", "alert"] | None:
    content: Any = None
    with suppress(ValueError, RecursionError):
        content = json.loads(text)
    if not isinstance(content, dict):
        return None
    fields = cast("dict[str, Any]", content)
    if fields.get("schemaId") == ALERT:
        return "alert"
    return "write" if "write" in fields and not {"type", "specversion"} & fields.keys() else None


def delivery_of(body: str, message_id: str) -> Delivery:
    """The body as its first delivery would bring it."""
    return Delivery(
        body=body.encode(),
        message_id=message_id,
        sequence=0,
        first_id=message_id,
        attempt=1,
        spent=0,
        properties={},
        enqueued=None,
    )

"""log records -> one line each on stdout, as text or as JSON"""

import json
import logging
import sys
from datetime import UTC, datetime

_QUIET = {
    "azure": logging.WARNING,
    "azure.servicebus": logging.CRITICAL,  # it raises what it logs, and the host says it in a line
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
}


class _Compact(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace(" INFO ", " ", 1)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stdout(*, as_json: bool = False, verbose: bool = False) -> None:
    """Log everything at INFO and up (DEBUG of the host where `verbose`); of the SDKs what nobody else says."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json() if as_json else _Compact())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    if verbose:
        logging.getLogger("local.host").setLevel(logging.DEBUG)

"""Config.json on disk -> comments and trailing commas removed -> Config, or every mistake with its path"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from local.servicebus.config import Config, Model

_STRING: Final = r'"(?:\\.|[^"\\])*"'
_COMMENT: Final = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA: Final = re.compile(rf"{_STRING}|,(?=\s*[}}\]])")


class ConfigError(ValueError):
    """Config.json cannot be used; the message lists every mistake."""


def load_config(path: Path) -> Config:
    """The config in a file.

    Raises:
        ConfigError: unreadable, no JSON, or not the shape of a Config.json.
    """
    try:
        return parse_config(path.read_text(encoding="utf-8-sig"))
    except OSError as wrong:
        raise ConfigError(f"cannot read {path}: {wrong.strerror}") from wrong
    except UnicodeDecodeError as wrong:
        raise ConfigError(f"cannot read {path}: it is not UTF-8 text") from wrong
    except ConfigError as wrong:
        raise ConfigError(f"{path} cannot be used:\n{wrong}") from wrong


def parse_config(text: str) -> Config:
    """The config in a text that may have comments and trailing commas.

    Raises:
        ConfigError: no JSON, or not the shape of a Config.json.
    """
    try:
        return Config.model_validate_json(plain_json(text), strict=True)
    except ValidationError as wrong:
        raise ConfigError("\n".join(line for error in wrong.errors() for line in _lines(dict(error)))) from wrong


def plain_json(text: str) -> str:
    """The same JSON without comments and trailing commas, every other character in its place."""
    return _TRAILING_COMMA.sub(_blank, _COMMENT.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    found = match.group()
    return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)


def _lines(error: dict[str, Any]) -> list[str]:
    """One pydantic error as the sentences a user needs."""
    if error["type"] == "json_invalid":
        return [f"  no valid JSON: {error['ctx']['error']}"]
    location: tuple[str | int, ...] = error["loc"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if not location:
        return [f"  {line}" for line in message.splitlines()]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if error["type"] == "extra_forbidden":
        allowed = _names_at(location[:-1])
        near = get_close_matches(str(location[-1]), allowed, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"allowed are {', '.join(allowed)}"
        return [f"  {path}: unknown; {hint}"]
    if error["type"] == "missing":
        return [f"  {path}: missing"]
    value = error["input"]
    shown = "" if isinstance(value, dict | list) else f" (found {value!r})"
    return [f"  {path}: {message}{shown}"]


def _names_at(location: tuple[str | int, ...]) -> list[str]:
    """What a JSON object at this place may hold."""
    model: type[Model] = Config
    for part in location:
        fields = {field.alias: field.annotation for field in model.model_fields.values()}
        annotation = fields.get(str(part))
        inner = [
            kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, Model)
        ]
        model = inner[0] if inner else model
    return [str(field.alias) for field in model.model_fields.values()]

"""a JSON object of names and plain values -> dict[str, str]"""

import json
from pathlib import Path
from typing import cast

from local.host.errors import HostError


def read_flat_json(path: Path) -> dict[str, str]:
    """Read a flat JSON object; numbers and booleans become the text that an app setting in Azure would hold.

    The shape of `local.settings.json` ({"Values": {...}}) of the Functions tools is read as well.

    Raises:
        HostError: when the file is missing, is not a JSON object, or a value is nested or null.
    """
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HostError(f"{path} does not exist") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HostError(f"{path} is not JSON: {error}") from None
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}") from None
    if isinstance(content, dict) and isinstance(values := cast("dict[str, object]", content).get("Values"), dict):
        content = cast("dict[str, object]", values)
    if not isinstance(content, dict):
        raise HostError(f"{path} holds {type(content).__name__}; a JSON object of names and values is needed")
    return {key: _as_setting(path, key, value) for key, value in cast("dict[str, object]", content).items()}


def _as_setting(path: Path, key: str, value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            raise HostError(f"{path}: {key} is {json.dumps(value)}; a setting is a string, a number or a boolean")

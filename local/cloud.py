"""what was created -> kept by resource id, in memory or in a file -> what exists"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import TypeAdapter, ValidationError


class CloudError(Exception):
    """The file does not say what exists."""


@dataclass(frozen=True)
class Existing:
    """One resource; inputs and outputs in the spelling of Azure's API, secrets in plain as the cloud has them."""

    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


_RESOURCES = TypeAdapter(dict[str, Existing])


class Cloud:
    """Everything that exists, by resource id; safe to use from several threads.

    Its file is readable by its owner only, for secrets stand in it as they are.

    Raises:
        CloudError: there is such a file, and it holds something else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._lock = file, Lock()
        self._resources: dict[str, Existing] = {}
        if file is not None and file.exists():
            try:
                self._resources = _RESOURCES.validate_json(file.read_bytes())
            except ValidationError as error:
                raise CloudError(f"{file} does not say what exists; remove it to begin with nothing: {error}") from None

    def everything(self) -> dict[str, Existing]:
        """What exists now."""
        with self._lock:
            return dict(self._resources)

    def get(self, resource_id: str) -> Existing | None:
        """The resource with this id, if it exists."""
        with self._lock:
            return self._resources.get(resource_id)

    def add(self, resource_id: str, resource: Existing) -> bool:
        """Let it exist; false if it does already, which changes nothing."""
        with self._lock:
            if resource_id in self._resources:
                return False
            self._resources[resource_id] = resource
            self._save()
            return True

    def put(self, resource_id: str, resource: Existing) -> None:
        """Let it exist as it is here, whether it did or not."""
        with self._lock:
            self._resources[resource_id] = resource
            self._save()

    def remove(self, resource_id: str) -> None:
        """Let it not exist; that it did not is nothing to complain about, as with Azure."""
        with self._lock:
            if self._resources.pop(resource_id, None) is not None:
                self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        written = self._file.with_name(f"{self._file.name}.new")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_RESOURCES.dump_json(self._resources, indent=2))
        written.replace(self._file)

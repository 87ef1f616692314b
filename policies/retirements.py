"""retirements.yaml -> when a model is switched off, as far as its provider has said"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_name("retirements.yaml")
Provider = Literal["azure", "openai"]


class Retirement(BaseModel):
    """One line; without a version it holds for all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: str = ""
    retires: date
    replacement: str = ""


class Schedule(BaseModel):
    """What one provider has announced; if `complete`, a model that is missing is unknown to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    as_of: date
    complete: bool
    models: tuple[Retirement, ...]

    def of(self, model: str, version: str) -> Retirement | None:
        """The line for this model and version."""
        return next((each for each in self.models if each.model == model and each.version in {"", version}), None)


@cache
def schedule(provider: Provider) -> Schedule:
    """The schedule of a provider.

    Raises:
        pydantic.ValidationError: if the file is not usable.
    """
    return Schedule.model_validate(yaml.safe_load(FILE.read_text("utf-8"))[provider])

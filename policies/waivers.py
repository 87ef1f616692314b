"""waivers.yaml -> which rule is waived for which resource, until when, and why"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.resources import Resource

FILE = Path(__file__).with_name("waivers.yaml")
WAIVER = "policies:Waiver"
"""The type that a waiver has among the resources that are judged: it must not have ended."""


class WaiverError(Exception):
    """The file of waivers is not usable; the message says where and what is allowed."""


class Waiver(BaseModel):
    """One exception; `expires` is its last day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(min_length=1)
    resource: str = Field(min_length=1)
    reason: str = Field(min_length=10)
    expires: date


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    waivers: tuple[Waiver, ...]


@dataclass(frozen=True)
class Waivers:
    """All exceptions, asked for by rule and resource."""

    all: tuple[Waiver, ...] = ()

    def covering(self, rule: str, resource: str, today: date) -> Waiver | None:
        """The waiver that is in force for this rule and resource."""
        return next(
            (each for each in self.all if (each.rule, each.resource) == (rule, resource) and today <= each.expires),
            None,
        )

    def as_resources(self) -> tuple[Resource, ...]:
        """Waivers as something that is judged itself."""
        return tuple(
            Resource(WAIVER, f"{each.rule} of {each.resource}", {"reason": each.reason, "expires": each.expires})
            for each in self.all
        )


def read_waivers(rules: Iterable[str], file: Path = FILE) -> Waivers:
    """Read the file; `rules` are the ids that exist.

    Raises:
        WaiverError: for the first entry that is not usable: its place, its value and what is allowed.
    """
    try:
        content = _File.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise WaiverError(f"{file.name} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise WaiverError(f"{file.name}: {place} is {first['input']!r}; {first['msg']}") from error
    known = sorted(rules)
    for waiver in content.waivers:
        if waiver.rule not in known:
            similar = get_close_matches(waiver.rule, known, n=1)
            meant = f"did you mean {similar[0]}?" if similar else "docs/policies.md lists them"
            raise WaiverError(f"{file.name}: there is no rule {waiver.rule}; {meant}")
    return Waivers(content.waivers)

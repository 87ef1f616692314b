"""what the program declares for dev == what a person reviewed"""

from difflib import unified_diff
from pathlib import Path

import pytest
import yaml

from local.graph import Graph
from tests.infra.summary import summarized

REVIEWED = Path(__file__).parent / "expected" / "dev.yaml"


def test_dev_declares_exactly_what_was_reviewed(dev: Graph) -> None:
    reviewed = _lines(yaml.safe_load(REVIEWED.read_text("utf-8")))

    declared = _lines(summarized(dev))

    difference = "\n".join(unified_diff(reviewed, declared, "reviewed", "declared", lineterm=""))
    if difference:
        pytest.fail(f"{REVIEWED.name} and the program differ; if the program is right, mend the file:\n{difference}")


def _lines(facts: object) -> list[str]:
    return yaml.safe_dump(facts, sort_keys=True, width=200).splitlines()

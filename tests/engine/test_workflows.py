"""what GitHub runs for us may read, is pinned, ends, and runs what people run"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def parsed(file: Path) -> dict[str, Any]:
    return yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506  # text only: `on` is no boolean here


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yml")), ids=lambda file: file.name)
class TestEveryWorkflow:
    def test_may_only_read_unless_a_job_says_more(self, file: Path) -> None:
        assert set(parsed(file)["permissions"].values()) <= {"read"}

    def test_takes_foreign_actions_by_commit_and_names_the_version(self, file: Path) -> None:
        uses = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses: " in line]

        assert uses
        assert [line for line in uses if not PINNED.match(line)] == []

    def test_ends_and_gives_way_to_a_newer_run(self, file: Path) -> None:
        workflow = parsed(file)

        assert workflow["concurrency"]["group"]
        assert all(int(job["timeout-minutes"]) <= 60 for job in workflow["jobs"].values())


def test_every_change_is_tested_as_a_developer_tests_it_on_each_python_that_is_allowed() -> None:
    workflow = parsed(FOLDER / "test.yml")
    (job,) = workflow["jobs"].values()

    assert set(workflow["on"]) == {"push", "pull_request"}
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]  # pyproject.toml: >=3.11,<3.13
    assert {"make test", "make check"} <= {step.get("run") for step in job["steps"]}

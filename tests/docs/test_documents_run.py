"""What the READMEs show is what one gets: the commands are run, and the output compared but for numbers."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from services.registry import PATTERNS

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
LATENCY = "0.4"
OUTSIDE_MAKE = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def shown(page: str) -> dict[str, list[str]]:
    """Each command of a page's console blocks with the output lines that it shows."""
    commands: dict[str, list[str]] = {}
    lines: list[str] = []
    for block in BLOCK.findall((ROOT / page).read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                lines = commands.setdefault(line[2:].partition("  #")[0].strip(), [])
            elif line.strip():
                lines.append(line)
    return commands


def without_numbers(lines: list[str]) -> list[str]:
    """Figures differ from run to run, and so does whether the model's few wrong answers left any to the rules."""
    told = [line for line in lines if not line.startswith("rules  ")]
    return [" ".join(re.sub(r"[-\d.,$?]+( ms)?(?=\s|$|\)|/|:)", "N", line).split()) for line in told]


def entries(lines: list[str]) -> list[str]:
    """What became of each line where it came in, and the last word. What followed is told in the order it happened."""
    return [line for line in without_numbers(lines) if line.startswith(("line ", "every line"))]


def run(command: str, folder: Path, **env: str) -> list[str]:
    result = subprocess.run(
        command.split(),
        cwd=ROOT,
        env={**OUTSIDE_MAKE, "LOCAL_FOLDER": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if line.strip()]


@pytest.mark.timeout(300)
def test_make_demo_prints_what_the_readme_shows_and_uses_all_of_a_hosts_concurrency(tmp_path: Path) -> None:
    host = json.loads((ROOT / "services/inference/host.json").read_text())
    limit = host["extensions"]["serviceBus"]["maxConcurrentCalls"]

    printed = run("make demo", tmp_path, LATENCY=LATENCY)

    assert without_numbers(printed) == without_numbers(shown("README.md")["make demo"])
    peak = next(re.search(r"at most (\d+) at once", line) for line in printed if line.startswith("model "))
    assert peak
    assert int(peak[1]) >= limit


FAST = ("inference", "saga")
"""The others' demos are run by `make test-all`."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "pattern",
    [pytest.param(pattern.name, marks=[] if pattern.name in FAST else [pytest.mark.slow]) for pattern in PATTERNS],
)
def test_a_pattern_does_with_its_samples_what_its_readme_shows(pattern: str, tmp_path: Path) -> None:
    command = f"make demo PATTERN={pattern}"

    printed = run(command, tmp_path)

    assert entries(printed) == entries(shown(f"services/{pattern}/README.md")[command])


@pytest.mark.parametrize(
    "page", ["README.md", *(f"services/{each.name}/README.md" for each in PATTERNS), "CONTRIBUTING.md"]
)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z-]+)", (ROOT / page).read_text())) <= targets


PAGES = [
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*.md")),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "services").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert [link for link in links if link and not ((ROOT / page).parent / link).exists()] == []


def test_the_architecture_names_only_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:services|infra|local)/[\w./]+\.py)`", text))

    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []

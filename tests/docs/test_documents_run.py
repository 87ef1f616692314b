"""What the READMEs show is what one gets: the commands are run, and the output compared but for numbers."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

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
    return [" ".join(re.sub(r"[-\d.,$?]+( ms)?(?=\s|$|\)|/)", "N", line).split()) for line in lines]


def run(command: str, folder: Path, **env: str) -> list[str]:
    result = subprocess.run(
        command.split(),
        cwd=ROOT,
        env={**OUTSIDE_MAKE, "LOCAL_FOLDER": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if line.strip()]


def test_make_demo_prints_what_the_readme_shows_and_uses_all_of_the_hosts_concurrency(tmp_path: Path) -> None:
    limit = json.loads((ROOT / "services/inference/host.json").read_text())["extensions"]["serviceBus"][
        "maxConcurrentCalls"
    ]

    printed = run("make demo", tmp_path, LATENCY=LATENCY)

    assert without_numbers(printed) == without_numbers(shown("README.md")["make demo"])
    assert any(f"at most {limit} at once" in line for line in printed)


def test_the_pattern_does_with_an_event_what_its_readme_shows(tmp_path: Path) -> None:
    command = "make demo EVENTS=samples/inference.jsonl"

    printed = run(command, tmp_path)

    assert without_numbers(printed) == without_numbers(shown("services/inference/README.md")[command])


@pytest.mark.parametrize("page", ["README.md", "services/inference/README.md", "CONTRIBUTING.md"])
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

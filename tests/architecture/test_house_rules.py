"""Rules worth stating are rules worth thirty lines; each failure says what to do instead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry import PATTERNS

ROOT = Path(__file__).parents[2]
PRODUCT = ("services", "infra", "local", "policies", "ops", "bench", "chaos", "samples")
KERNEL_LINES = 250
"""A kernel module that is longer has more than one idea."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_patterns_never_import_each_other() -> None:
    names = {pattern.name for pattern in PATTERNS}
    for pattern in names:
        for path in sources(f"services/{pattern}"):
            foreign = {
                name for name in imports(path) if name.split(".")[1:2] and name.split(".")[1] in names - {pattern}
            }
            assert not {name for name in foreign if name.startswith("services.")}, f"{named(path)}: say it by an event"


def test_the_kernel_and_the_entities_import_no_pattern() -> None:
    names = {f"services.{pattern.name}" for pattern in PATTERNS}
    for path in [*sources("services/kernel"), ROOT / "services/entities.py"]:
        assert not {name for name in imports(path) for pattern in names if name.startswith(pattern)}, named(path)


@pytest.mark.parametrize("path", sources("services"), ids=named)
def test_a_service_cannot_know_whether_it_runs_on_a_laptop(path: Path) -> None:
    """Connections are the only thing that differs, and services/kernel/connections.py is the only one to read them."""
    text = path.read_text()
    if path.name != "connections.py":
        assert "os.environ" not in text, "read settings through services/kernel/settings.py"
    assert not re.search(r"localhost|127\.0\.0\.1|emulator\b.*\bif\b|\bif\b.*\blocal\b", text, re.IGNORECASE)


def test_one_module_only_speaks_the_private_codec_of_azure_servicebus() -> None:
    private = "azure.servicebus._"
    users = {named(path) for path in sources(*PRODUCT) if any(name.startswith(private) for name in imports(path))}
    assert users == {"local/servicebus/codec.py"}


@pytest.mark.parametrize("file", ["services.txt", "azure.txt"])
def test_the_services_carry_no_grpc_and_no_protobuf(file: str) -> None:
    """They clash with the Functions worker's own."""
    packages = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / file).read_text(), re.MULTILINE)
    assert not {"grpcio", "protobuf", "uamqp"} & set(packages)


@pytest.mark.parametrize("path", [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "requirements.txt"], ids=named)
def test_requirements_are_pinned_by_hash_and_name_no_address(path: Path) -> None:
    text = path.read_text()
    pins = len(re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE))
    assert pins
    assert text.count("--hash=") >= pins
    assert "://" not in text


@pytest.mark.parametrize("path", sources("local"), ids=named)
def test_servers_of_the_laptop_listen_on_loopback_only(path: Path) -> None:
    every_interface = "0.0.0" + ".0"
    assert every_interface not in path.read_text()


@pytest.mark.parametrize("path", sources("services/kernel"), ids=named)
def test_a_kernel_module_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= KERNEL_LINES


@pytest.mark.parametrize("path", [path for path in sources(*PRODUCT) if path.stat().st_size], ids=named)
def test_a_module_says_in_its_first_line_what_it_is(path: Path) -> None:
    if path.name != "__init__.py":
        assert ast.get_docstring(ast.parse(path.read_text())), "open with the data path, or with what the file holds"


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert explained == set(phony.group(1).split())

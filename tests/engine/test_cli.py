"""which Pulumi CLI the engine tests take, and what they say when there is none"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.cli.build import UnavailableError, cache, command, wanted

PULUMI = """#!/bin/sh
echo {version}
"""
GO = """#!/bin/sh
echo built >> {log}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v3.200.0\\n' > "$2.part"
/bin/chmod +x "$2.part"
/bin/sleep 0.2
/bin/mv "$2.part" "$2"
"""
GO_WITHOUT_NETWORK = """#!/bin/sh
echo go: downloading a module >&2
echo 'dial tcp: no route to host' >&2
exit 1
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and an empty cache; programs go into its bin/."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def install(program: Path, script: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(script)
    program.chmod(0o755)


def test_the_one_on_path_comes_first(machine: Path) -> None:
    install(machine / "bin" / "pulumi", PULUMI.format(version="v3.260.0"))
    install(cache() / f"pulumi-{wanted()}" / "bin" / "pulumi", PULUMI.format(version=wanted()))

    found = command(pytest.fail)

    assert str(found.version) == "3.260.0"


def test_then_one_that_was_built_before(machine: Path) -> None:
    built = cache() / f"pulumi-{wanted()}" / "bin" / "pulumi"
    install(built, PULUMI.format(version=wanted()))

    found = command(pytest.fail)

    assert found.command == str(built)


def test_two_sessions_that_miss_it_build_it_once_and_say_so(machine: Path) -> None:
    install(machine / "bin" / "go", GO.format(log=machine / "log"))
    said: list[str] = []

    with ThreadPoolExecutor(2) as sessions:
        found = {each.command for each in sessions.map(command, [said.append, said.append])}

    assert found == {str(machine / "cache" / "event-driven-ai" / f"pulumi-{wanted()}" / "bin" / "pulumi")}
    assert (machine / "log").read_text() == "built\n"
    assert said == [
        f"building the Pulumi CLI {wanted()} into {cache() / f'pulumi-{wanted()}'}, once; this takes minutes"
    ]


def test_without_go_the_reason_is_one_line_that_says_what_to_do(machine: Path) -> None:
    with pytest.raises(UnavailableError) as reason:
        command(pytest.fail)

    assert str(reason.value) == (
        "there is no pulumi on PATH and no go to build it with; "
        "install the Pulumi CLI, or Go 1.24 or newer, and run again"
    )


def test_a_build_that_fails_leaves_nothing_behind_and_tells_go_s_last_word(machine: Path) -> None:
    install(machine / "bin" / "go", GO_WITHOUT_NETWORK)

    with pytest.raises(UnavailableError, match="failed: dial tcp: no route to host; install the Pulumi CLI"):
        command(lambda _: None)

    assert [path.name for path in cache().iterdir()] == [f"pulumi-{wanted()}.lock"]


@pytest.mark.parametrize("script", [PULUMI.format(version="v2.9.0"), PULUMI.format(version=""), "#!/bin/sh\nexit 3\n"])
def test_one_that_is_too_old_or_broken_is_named(machine: Path, script: str) -> None:
    install(machine / "bin" / "pulumi", script)

    with pytest.raises(UnavailableError, match=r"bin/pulumi cannot be used: .*install the Pulumi CLI"):
        command(pytest.fail)

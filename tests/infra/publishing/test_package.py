"""a tree -> the zip of a service: what is in it, what is not, and that it is the same each time"""

import os
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.publishing.__main__ import python_of
from infra.publishing.build import build
from infra.publishing.content import TREE, Content, PackageError, content
from infra.publishing.trial import cannot_try, functions
from infra.publishing.wheels import SITE
from services.kernel.topology import Topology
from services.registry import PATTERNS
from tests.infra.publishing.tree import grow, pinned

PYTHON = "3.11"
OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"
"""The only Python that a zip can be tried with."""
here_only = pytest.mark.skipif(
    cannot_try(OURS) is not None, reason=f"apps are tried where they would run: {cannot_try(OURS)}"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return grow(tmp_path / "tree", "alpha", "beta")


def packed(content: Content, folder: Path) -> Path:
    return build(content, folder, folder)


# -- what is in it --------------------------------------------------------------------------------------------------


def test_a_zip_holds_one_service_and_what_all_share_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    zipped = packed(content("alpha", PYTHON, tree), tmp_path / "dist")

    assert ZipFile(zipped).namelist() == [
        "function_app.py",
        "host.json",
        "services/__init__.py",
        "services/alpha/__init__.py",
        "services/alpha/function_app.py",
        "services/entities.py",
        "services/kernel/__init__.py",
        "services/kernel/ids.py",
    ]


def test_the_wheels_stand_where_the_worker_looks_and_are_those_of_its_platform(tree: Path, tmp_path: Path) -> None:
    grow(tree, "alpha", requirements=pinned("markupsafe"))

    names = ZipFile(packed(content("alpha", PYTHON, tree), tmp_path / "dist")).namelist()

    assert f"{SITE}/markupsafe/_speedups.cpython-311-x86_64-linux-gnu.so" in names
    assert not [name for name in names if name.endswith((".pyc", "/RECORD", "/INSTALLER")) or "/bin/" in name]


def test_same_source_same_bytes_wherever_and_whenever_it_is_built(tmp_path: Path) -> None:
    # given: two trees with the same files, which were written at different times, in another order, with other modes
    requirements = pinned("markupsafe")
    ours = grow(tmp_path / "one", "alpha", requirements=requirements)
    theirs = grow(tmp_path / "elsewhere/two", "beta", "alpha", requirements=requirements)
    (theirs / "services/kernel/ids.py").chmod(0o700)
    for file in theirs.rglob("*.py"):
        os.utime(file, (time.time() - 1e8, time.time() - 1e8))

    # when: each is built in a process, a folder and a time zone of its own
    zips = [tmp_path / "a/alpha.zip", tmp_path / "b/alpha.zip"]
    for tree, zipped, zone in zip([ours, theirs], zips, ["UTC", "Asia/Tokyo"], strict=True):
        script = (
            "import sys; from pathlib import Path; from infra.publishing.build import build;"
            "from infra.publishing.content import content;"
            f"build(content('alpha', '{PYTHON}', Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[2]))"
        )
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(len(zone))}
        subprocess.run([sys.executable, "-c", script, tree, zipped.parent], check=True, cwd=TREE, env=environment)

    # then
    assert zips[0].read_bytes() == zips[1].read_bytes()


def test_nobody_can_tell_from_a_zip_who_built_it_and_when(tree: Path, tmp_path: Path) -> None:
    entries = ZipFile(packed(content("alpha", PYTHON, tree), tmp_path)).infolist()

    assert {(each.date_time, each.external_attr >> 16, each.create_system) for each in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, 3)
    }


# -- the digest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("services/alpha/function_app.py", {"alpha"}),
        ("services/alpha/host.json", {"alpha"}),
        ("services/alpha/prompts/new.txt", {"alpha"}),
        ("services/kernel/ids.py", {"alpha", "beta"}),
        ("services/entities.py", {"alpha", "beta"}),
        ("requirements/services.txt", {"alpha", "beta"}),
        ("requirements/azure.txt", {"alpha", "beta"}),
        ("services/registry.py", set()),
        ("services/alpha/README.md", set()),
        ("services/alpha/.notes", set()),
        ("services/kernel/__pycache__/ids.cpython-311.pyc", set()),
    ],
)
def test_a_changed_file_changes_the_digest_of_those_that_carry_it(tree: Path, file: str, changed: set[str]) -> None:
    before = {service: content(service, PYTHON, tree).digest for service in ("alpha", "beta")}

    (tree / file).parent.mkdir(exist_ok=True)
    (tree / file).write_text("# changed\n")

    after = {service: content(service, PYTHON, tree).digest for service in ("alpha", "beta")}
    assert {service for service in after if after[service] != before[service]} == changed


def test_another_python_is_another_zip(tree: Path) -> None:
    assert content("alpha", "3.11", tree).digest != content("alpha", "3.12", tree).digest


def test_a_renamed_file_is_another_zip(tree: Path) -> None:
    before = content("alpha", PYTHON, tree).digest
    (tree / "services/kernel/ids.py").rename(tree / "services/kernel/names.py")

    assert content("alpha", PYTHON, tree).digest != before


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["function_app.py", "host.json"])
def test_a_service_that_lacks_what_makes_it_an_app_is_refused_by_name(tree: Path, tmp_path: Path, file: str) -> None:
    (tree / "services/alpha" / file).unlink()

    with pytest.raises(PackageError, match=rf"services/alpha/{file} missing; write the service, or take its line out"):
        packed(content("alpha", PYTHON, tree), tmp_path)


def test_what_clashes_with_the_worker_does_not_get_in(tree: Path, tmp_path: Path) -> None:
    protobuf = (TREE / "requirements.txt").read_text().partition("\nprotobuf==")[2].splitlines()
    lines = [f"protobuf=={protobuf[0]}", *(line for line in protobuf[1:20] if line.startswith(" "))]
    last = next(n for n, line in enumerate(lines) if not line.endswith("\\"))
    grow(tree, "alpha", requirements="\n".join(lines[: last + 1]) + "\n")

    with pytest.raises(PackageError, match="google/protobuf would be in the zip, and clashes"):
        packed(content("alpha", PYTHON, tree), tmp_path)


@pytest.mark.parametrize(
    ("requirements", "reason"),
    [
        ("markupsafe==3.0.4\n", "hash"),
        ("markupsafe==3.0.4 --hash=sha256:" + "0" * 64 + "\n", "uv cannot get the wheels for Python 3.11"),
    ],
    ids=["without a hash", "another hash"],
)
def test_a_wheel_that_is_not_the_pinned_one_does_not_get_in(
    tree: Path, tmp_path: Path, requirements: str, reason: str
) -> None:
    grow(tree, "alpha", requirements=requirements)

    with pytest.raises(PackageError, match=reason):
        packed(content("alpha", PYTHON, tree), tmp_path)


def test_without_network_and_cache_the_error_says_what_to_do(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tree, "alpha", requirements=pinned("markupsafe"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("UV_OFFLINE", "1")

    with pytest.raises(PackageError, match=r"uv cannot get the wheels .*Without network, build once with it"):
        packed(content("alpha", PYTHON, tree), tmp_path / "dist")


def test_without_network_what_was_fetched_before_is_enough(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tree, "alpha", requirements=pinned("markupsafe"))
    packed(content("alpha", PYTHON, tree), tmp_path / "first")
    monkeypatch.setenv("UV_OFFLINE", "1")

    assert packed(content("alpha", PYTHON, tree), tmp_path / "second").exists()


# -- tried on its own -----------------------------------------------------------------------------------------------


@here_only
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_each_service_runs_from_its_zip_alone(pattern: Topology, tmp_path: Path) -> None:
    zipped = build(content(pattern.name, OURS), tmp_path, TREE / "dist")

    found = functions(zipped)

    assert set(found.values()) <= {"serviceBusTrigger", "timerTrigger", "cosmosDBTrigger", "httpTrigger"}
    assert found.keys() >= {timer.function for timer in pattern.timers}
    assert ("serviceBusTrigger" in found.values()) == bool(pattern.listens)
    assert ("httpTrigger" in found.values()) == pattern.http


@here_only
def test_a_service_that_imports_what_its_zip_lacks_is_refused(tree: Path, tmp_path: Path) -> None:
    grow(tree, "alpha", requirements=pinned("azure-functions") + pinned("werkzeug") + pinned("markupsafe"))
    app = tree / "services/alpha/function_app.py"
    zipped = packed(content("alpha", OURS, tree), tmp_path)
    assert functions(zipped, also=()) == {"alpha_ticks": "timerTrigger"}

    app.write_text(f"import services.beta.function_app\n{app.read_text()}")

    with pytest.raises(PackageError, match=r"alpha.zip does not import on its own: .*No module named 'services.beta'"):
        functions(packed(content("alpha", OURS, tree), tmp_path), also=())


def test_where_a_zip_cannot_be_tried_the_reason_is_told() -> None:
    assert "not Linux x86_64 3.99" in str(cannot_try("3.99"))


def test_the_python_is_that_of_the_stack() -> None:
    assert python_of("dev") == PYTHON
    with pytest.raises(PackageError, match=r"there is no Pulumi\.nowhere\.yaml"):
        python_of("nowhere")

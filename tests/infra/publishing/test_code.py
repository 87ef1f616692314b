"""the resource as the program declares it, and what its provider tells the engine"""

from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.runtime.rpc import UNKNOWN

from infra.publishing.code import Publisher
from infra.publishing.content import PackageError, content
from local.graph import CODE, Graph, evaluate
from services.registry import PATTERNS
from tests.infra.publishing.one_deploy import serving
from tests.infra.publishing.tree import grow


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return grow(tmp_path / "tree", "alpha")


def declared(tree: Path, **different: Any) -> dict[str, Any]:
    return {
        "service": "alpha",
        "python": "3.11",
        "digest": content("alpha", "3.11", tree).digest,
        "app": "/sites/alpha1",
        "container": "/containers/code-alpha",
        "address": "https://alpha1.scm.azurewebsites.net",
        "root": str(tree),
        **different,
    }


# -- the program ----------------------------------------------------------------------------------------------------


def test_every_service_has_its_code_published_after_its_app_and_is_reached_encrypted(dev: Graph) -> None:
    published = [each for each in dev.resources if each.type.startswith(CODE)]

    assert {each.inputs["service"] for each in published} == {pattern.name for pattern in PATTERNS}
    for each in published:
        app = dev.one("web:WebApp", each.name)
        assert app.urn in each.depends_on
        assert each.inputs["app"] == app.id
        assert each.inputs["address"] == f"https://{app.outputs['name']}.scm.azurewebsites.net"
        assert each.inputs["digest"] == content(each.inputs["service"], each.inputs["python"]).digest
        assert not each.is_component


def test_evaluating_the_program_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", pytest.fail)

    evaluate("dev")


def test_a_stack_may_leave_publishing_to_somebody_else_as_the_laptop_does(local: Graph) -> None:
    elsewhere = evaluate("dev", config_overrides={"functions:publishCode": "false"})

    for graph in (local, elsewhere):
        assert not [each for each in graph.resources if each.type.startswith(CODE)]


def test_another_python_is_another_code() -> None:
    first, other = (
        next(each for each in evaluate("dev", config_overrides=python).resources if each.type.startswith(CODE))
        for python in ({"functions:pythonVersion": "3.11"}, {"functions:pythonVersion": "3.12"})
    )

    assert first.inputs["digest"] != other.inputs["digest"]


# -- its provider ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("different", "changes"),
    [
        ({}, False),
        ({"digest": "another"}, True),
        ({"app": "/sites/alpha2"}, True),
        ({"container": "/containers/another"}, True),
        ({"app": UNKNOWN}, True),
        ({"address": UNKNOWN}, False),
        ({"address": "https://alpha1.another-region.azurewebsites.net"}, False),
        ({"root": "elsewhere"}, False),
    ],
    ids=str,
)
def test_code_is_published_again_when_it_or_its_app_is_another(
    tree: Path, different: dict[str, str], changes: bool
) -> None:
    found = Publisher().diff("alpha", declared(tree), declared(tree, **different))

    assert found.changes is changes
    assert not found.replaces


def test_the_state_of_an_earlier_version_is_published_again_not_an_error(tree: Path) -> None:
    assert Publisher().diff("alpha", {"service": "alpha"}, declared(tree)).changes is True


def test_what_can_be_published_passes_the_check_also_before_its_address_is_known(tree: Path) -> None:
    assert not Publisher().check({}, declared(tree)).failures
    assert not Publisher().check({}, declared(tree, address=UNKNOWN)).failures


def test_a_preview_refuses_a_service_without_code(tree: Path) -> None:
    (tree / "services/alpha/function_app.py").unlink()

    (failure,) = Publisher().check({}, declared(tree)).failures

    assert failure.property == "service"
    assert "services/alpha/function_app.py missing" in failure.reason


def test_a_preview_refuses_to_send_the_deployer_s_token_in_plain_text(tree: Path) -> None:
    (failure,) = Publisher().check({}, declared(tree, address="http://alpha1.scm.azurewebsites.net")).failures

    assert failure.property == "address"
    assert "plain text" in failure.reason


def test_a_source_that_changes_while_up_runs_is_not_published_under_the_old_digest(tree: Path) -> None:
    before = declared(tree)
    (tree / "services/kernel/ids.py").write_text("LENGTH = 64\n")

    with pytest.raises(PackageError, match="services/alpha was changed while `pulumi up` ran; run it again"):
        Publisher().create(before)


def test_it_publishes_when_it_is_created_and_when_it_is_updated(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    az = tmp_path / "az"
    az.write_text('#!/bin/sh\necho \'{"accessToken": "t-1", "expires_on": 4102444800}\'\n')
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr("time.sleep", lambda _: None)
    publisher = Publisher()
    publisher.configure(ConfigureRequest(Config({}, "event-driven-ai")))

    with serving() as site:
        props = declared(tree, address=site.address)
        created = publisher.create(props)
        updated = publisher.update("alpha", {}, props)

    assert site.of("alpha") == 2
    assert (created.id, created.outs, updated.outs) == ("alpha", props, props)


def test_deleting_it_asks_nothing_of_anybody(tree: Path) -> None:
    Publisher().delete("alpha", declared(tree, address="http://127.0.0.1:9"))

"""a changed source -> the code of its service, and of no other, is published again by the real engine"""

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import ConfigValue, PulumiCommand

from local.cloud import Cloud
from local.provider import serving
from tests.engine.deployment import Deployment, Left, done
from tests.engine.programs import CODE, publishing
from tests.infra.publishing import one_deploy
from tests.infra.publishing.one_deploy import OneDeploy, Reply
from tests.infra.publishing.tree import grow

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]  # minutes, where the CLI has to be built first

TENANT = "11111111-2222-3333-4444-555555555555"


class Life:
    """A stack of two services, and where their code is published."""

    def __init__(self, deployment: Deployment, tree: Path, site: OneDeploy) -> None:
        self._deployment, self.tree, self.site = deployment, tree, site

    def run(self, operation: Any = "up", **config: Any) -> tuple[Left, dict[str, int]]:
        """Run the engine; the zips of each service that were taken meanwhile."""
        before = {service: self.site.of(service) for service in ("alpha", "beta")}
        left = self._deployment.run(operation, partial(publishing, self.tree, self.site.address), **config)
        return left, {service: self.site.of(service) - count for service, count in before.items()}


@pytest.fixture(scope="module")
def life(pulumi: PulumiCommand, path: str, apart: Executor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    cloud, folder = Cloud(), tmp_path_factory.mktemp("engine")
    with serving(cloud) as attached, one_deploy.serving() as site:
        deployment = Deployment(apart, pulumi, folder, cloud, {**attached, "PATH": path})
        yield Life(deployment, grow(folder / "tree", "alpha", "beta"), site)


def code(left: Left) -> dict[str, str]:
    """The digest that the engine keeps of each service's code."""
    return {
        resource["outputs"]["service"]: resource["outputs"]["digest"]
        for resource in left.state.values()
        if resource["type"] == CODE
    }


def test_the_code_of_a_service_is_published_when_it_has_changed_and_only_then(life: Life) -> None:
    # the first up publishes all, as the deployer whom the provider signs in as
    deployed, taken = life.run(config={"azure-native:tenantId": ConfigValue(TENANT)})
    assert (done(deployed).changes.keys(), taken) == ({"create"}, {"alpha": 1, "beta": 1})
    tokens = {headers["Authorization"] for _, _, _, headers in life.site.asked}
    assert all(f"--tenant_{TENANT}" in token for token in tokens)

    # a second up changes nothing
    again, taken = life.run()
    assert (done(again).changes.keys(), taken) == ({"same"}, {"alpha": 0, "beta": 0})

    # a changed source is one update: the code of its service
    (life.tree / "services/beta/decide.py").write_text("RISK = 1\n")
    changed, taken = life.run()
    assert (done(changed).changes["update"], taken) == (1, {"alpha": 0, "beta": 1})
    assert code(changed)["alpha"] == code(deployed)["alpha"]
    assert code(changed)["beta"] != code(deployed)["beta"]

    # code that is refused fails the up, which says why and keeps what was
    (life.tree / "services/alpha/decide.py").write_text("RISK = 2\n")
    life.site.publishes.append(Reply(400, {"message": "not a zip"}))
    failed, _ = life.run()
    assert failed.failed
    assert "the zip was refused (400" in failed.output
    assert code(failed) == code(changed)

    # the next up repairs that; a setting of an app is no matter of its code
    repaired, taken = life.run(config={"functions:memoryMb": ConfigValue("2048")})
    updated_apps = 2
    assert (done(repaired).changes["update"], taken) == (updated_apps + 1, {"alpha": 1, "beta": 0})

    # destroy asks nothing of the site
    requests = len(life.site.asked)
    destroyed, _ = life.run("destroy")
    assert not done(destroyed).state
    assert len(life.site.asked) == requests

"""preview -> up -> up again -> up with a secret -> destroy: one stack's life under the real engine"""

import json

import pytest
from pulumi.automation import ConfigValue

from local.graph import Graph, evaluate
from tests.engine.deployment import WITHOUT_CODE, Deployment, Left, done

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]  # minutes, where the CLI has to be built first

KEY = "sk-not-a-real-key-93c1f7"


# -- the life, each stage run once ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed(dev: Deployment, previewed: Left) -> Left:
    return done(dev.run("up"))


@pytest.fixture(scope="module")
def deployed_again(dev: Deployment, deployed: Left) -> Left:
    return done(dev.run("up"))


@pytest.fixture(scope="module")
def with_key(dev: Deployment, deployed_again: Left) -> Left:
    """The models of somebody else, who wants a key, take the place of Azure's."""
    provider = {"model:provider": ConfigValue("openai"), "model:key": ConfigValue(KEY, secret=True)}
    return done(dev.run("up", config=provider))


@pytest.fixture(scope="module")
def destroyed(dev: Deployment, with_key: Left) -> Left:
    return done(dev.run("destroy"))


@pytest.fixture(scope="module")
def declared() -> Graph:
    """What the same program declares without an engine."""
    return evaluate("dev", config_overrides=WITHOUT_CODE)


# -- what must be true of it ----------------------------------------------------------------------------------------


def test_a_preview_tells_all_that_would_be_created_and_creates_nothing(previewed: Left, declared: Graph) -> None:
    assert previewed.changes == {"create": len(declared.resources) + 1}  # the stack itself is one
    assert not previewed.cloud
    assert not previewed.state


def test_up_deploys_exactly_what_the_laptop_and_the_policies_take_for_the_program(
    deployed: Left, previewed: Left, declared: Graph
) -> None:
    assert deployed.changes == previewed.changes

    engine = {urn: resource for urn, resource in deployed.state.items() if not resource["type"].startswith("pulumi:")}
    laptop = {resource.urn: resource for resource in declared.resources}

    assert set(engine) == set(laptop)
    for urn, resource in engine.items():
        assert (urn, resource.get("id", "")) == (urn, laptop[urn].id)
        assert (urn, set(resource.get("dependencies", ()))) == (urn, set(laptop[urn].depends_on))
        if not laptop[urn].is_component and not laptop[urn].secrets:  # secrets are not readable in the state
            assert (urn, resource["inputs"]) == (urn, laptop[urn].inputs)


def test_a_second_up_changes_nothing(deployed: Left, deployed_again: Left) -> None:
    assert deployed_again.changes == {"same": sum(deployed.changes.values())}
    assert deployed_again.cloud == deployed.cloud


def test_a_secret_reaches_the_vault_and_stands_nowhere_else(with_key: Left) -> None:
    holders = [resource.type for resource in with_key.cloud.values() if KEY in json.dumps(resource.outputs)]

    assert holders == ["azure-native:keyvault:Secret"]
    assert [name for name, content in with_key.files.items() if KEY.encode() in content] == []
    assert KEY not in with_key.output


def test_what_the_program_no_longer_declares_is_deleted(deployed: Left, with_key: Left) -> None:
    def models(left: Left) -> int:
        return sum(resource.type.startswith("azure-native:cognitiveservices:") for resource in left.cloud.values())

    assert models(deployed) == 4  # the account, and a deployment for each tier
    assert models(with_key) == 0
    assert with_key.changes["delete"] >= 4


def test_destroy_leaves_nothing(with_key: Left, destroyed: Left) -> None:
    assert destroyed.changes == {"delete": len([urn for urn in with_key.state if "::pulumi:providers:" not in urn])}
    assert not destroyed.cloud
    assert not destroyed.state

"""what the program declares for dev and prod == what a person reviewed"""

from dataclasses import replace

import pytest

from local.graph import Graph
from tests.infra.summary import PROD, REVIEWED, differences, differences_of_prod, guarded, summarized

REVIEWED_KINDS = (
    "servicebus:Topic",
    "servicebus:Queue",
    "servicebus:Subscription",
    "servicebus:Rule",
    "servicebus:DefaultRule",
    "cosmosdb:SqlResourceSqlContainer",
    "authorization:RoleAssignment",
    "cosmosdb:SqlResourceSqlRoleAssignment",
    "cognitiveservices:Deployment",
)


def test_dev_declares_exactly_what_was_reviewed(dev: Graph) -> None:
    if difference := "\n".join(differences(dev)):
        pytest.fail(f"{REVIEWED.name} and the program differ; if the program is right, mend the file:\n{difference}")


def test_prod_declares_exactly_what_was_reviewed(prod: Graph) -> None:
    if difference := "\n".join(differences_of_prod(prod)):
        pytest.fail(f"{PROD.name} and the program differ; if the program is right, mend the file:\n{difference}")


def test_staging_is_prod_but_for_its_sizes(staging: Graph, prod: Graph) -> None:
    def comparable(graph: Graph) -> dict[str, object]:
        return {key: value for key, value in (summarized(graph) | guarded(graph)).items() if key != "deployments"}

    assert comparable(staging) == comparable(prod)


@pytest.mark.parametrize("kind", ["network:PrivateEndpoint", "monitor:MetricAlert", "monitor:ScheduledQueryRule"])
def test_the_review_of_prod_notices_each_endpoint_and_alert_that_is_gone(prod: Graph, kind: str) -> None:
    apps = {app.name for app in prod.of_type("web:WebApp")}

    for resource in prod.of_type(kind):
        without = replace(prod, resources=tuple(one for one in prod.resources if one is not resource))
        if resource.name.removesuffix("-answers") not in apps:  # those of the apps are the policies' business
            assert differences_of_prod(without), f"nobody would notice that {kind} {resource.name} is gone"


@pytest.mark.parametrize("kind", REVIEWED_KINDS)
def test_the_review_notices_each_topic_filter_container_and_role_that_is_gone(dev: Graph, kind: str) -> None:
    there = dev.of_type(kind)

    for resource in there:
        without = replace(dev, resources=tuple(one for one in dev.resources if one is not resource))
        gone = [line for line in differences(without) if line.startswith("-") and not line.startswith("---")]
        assert gone, f"nobody would notice that {kind} {resource.name} is gone"
    assert there

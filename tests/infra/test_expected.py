"""what the program declares for dev == what a person reviewed"""

from dataclasses import replace

import pytest

from local.graph import Graph
from tests.infra.summary import REVIEWED, differences

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


@pytest.mark.parametrize("kind", REVIEWED_KINDS)
def test_the_review_notices_each_topic_filter_container_and_role_that_is_gone(dev: Graph, kind: str) -> None:
    there = dev.of_type(kind)

    for resource in there:
        without = replace(dev, resources=tuple(one for one in dev.resources if one is not resource))
        gone = [line for line in differences(without) if line.startswith("-") and not line.startswith("---")]
        assert gone, f"nobody would notice that {kind} {resource.name} is gone"
    assert there

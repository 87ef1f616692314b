"""the whole program: it is the same each time, it builds in the right order, it grows without being edited"""

import ast
import json
from pathlib import Path

import pulumi
import pytest
import yaml
from pulumi_azure_native.resources import ResourceGroup

from infra.config import Config
from infra.program import main
from local import mocks
from local.graph import ROOT, Graph, ProgramError, evaluate
from services.entities import ITEMS
from services.kernel.topology import Container, Feed, Subscription, Timer, Topic, Topology
from services.registry import PATTERNS
from tests.infra.summary import summarized

SIXTH = Topology(
    "price_watch",
    listens=(Subscription(Topic("prices"), "watcher", event_types=("price_changed",)),),
    publishes=(Topic("offers"),),
    keeps=(Container("prices", partition_key="sku"),),
    feeds=(Feed(ITEMS, function="relay", lease_prefix="price_watch-relay"),),
    timers=(Timer("compare", "0 0 * * * *"),),
    secrets=("shop-url",),
    always_ready=("Watch",),
)


def test_two_evaluations_are_identical(dev: Graph) -> None:
    assert evaluate("dev") == dev


async def test_a_running_event_loop_is_no_obstacle(dev: Graph) -> None:
    assert evaluate("dev") == dev


def test_everything_is_created_after_what_it_stands_in(stack: Graph) -> None:
    by_id = {resource.id: resource for resource in stack.resources if resource.id}
    by_urn = {resource.urn: resource for resource in stack.resources}

    def is_after(urn: str, wanted: str) -> bool:
        return any(
            before == wanted or is_after(before, wanted) for before in by_urn[urn].depends_on if before in by_urn
        )

    orphans = [
        (resource.name, above.name)
        for resource in stack.resources
        for above in by_id.values()
        if resource.id.startswith(f"{above.id}/") and not is_after(resource.urn, above.urn)
    ]
    assert not orphans


def test_deployments_are_created_one_after_another(dev: Graph) -> None:
    small, large, economy = (dev.one("cognitiveservices:Deployment", tier) for tier in ("small", "large", "economy"))

    assert small.urn in large.depends_on
    assert large.urn in economy.depends_on


def test_the_documents_account_is_changed_by_one_role_assignment_at_a_time() -> None:
    graph = evaluate("dev", patterns=[*PATTERNS, SIXTH], config_overrides={"secrets:shop-url": "x"})
    by_urn = {each.urn: each for each in graph.of_type("cosmosdb:SqlResourceSqlRoleAssignment")}

    def before(urn: str) -> set[str]:
        direct = by_urn.keys() & set(by_urn[urn].depends_on)
        return direct.union(*map(before, direct))

    assert sorted(len(before(urn)) for urn in by_urn) == list(range(len(by_urn)))


def test_a_sixth_pattern_is_provisioned_with_no_edit_here() -> None:
    overrides = {"secrets:shop-url": "https://shop.example", "functions:alwaysReady": "1"}

    graph = evaluate("dev", patterns=[*PATTERNS, SIXTH], config_overrides=overrides)

    facts = summarized(graph)
    assert facts["subscriptions"]["prices/watcher"]["lets in"] == {
        "$Default": {"to": "watcher"},
        "price_changed": {"label": "price_changed"},
    }
    assert facts["containers"].keys() >= {"prices", "leases"}
    assert facts["roles"]["price-watch"] == [
        "Azure Service Bus Data Receiver on topics/prices/watcher",
        "Azure Service Bus Data Sender on queues/dead-letters",
        "Azure Service Bus Data Sender on topics/offers",
        "Azure Service Bus Data Sender on topics/prices",
        "Cosmos DB Built-in Data Contributor on colls/leases",
        "Cosmos DB Built-in Data Contributor on colls/prices",
        "Cosmos DB Built-in Data Reader on colls/items",
        "Key Vault Secrets User on secrets/shop-url",
        "Monitoring Metrics Publisher on the components of Microsoft.Insights",
        "Storage Blob Data Owner on the storageAccounts of Microsoft.Storage",
        "Storage Table Data Contributor on the storageAccounts of Microsoft.Storage",
    ]
    scale = graph.one("web:WebApp", "price-watch").inputs["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == [{"name": "function:watch", "instanceCount": 1}]


def test_two_patterns_may_need_the_same_secret() -> None:
    callers = [Topology("one", secrets=("shop-url",)), Topology("other", secrets=("shop-url",))]

    graph = evaluate("dev", patterns=callers, config_overrides={"secrets:shop-url": "https://shop.example"})

    assert [secret.name for secret in graph.of_type("keyvault:Secret")] == ["shop-url"]
    assert all("Key Vault Secrets User on secrets/shop-url" in roles for roles in summarized(graph)["roles"].values())


def test_data_is_kept_where_the_stack_says_so(dev: Graph) -> None:
    holding = {
        "resources:ResourceGroup", "keyvault:Vault", "servicebus:Namespace", "servicebus:Queue",
        "cosmosdb:DatabaseAccount", "cosmosdb:SqlResourceSqlDatabase", "cosmosdb:SqlResourceSqlContainer",
    }  # fmt: skip

    careful = evaluate("dev", config_overrides={"event-driven-ai:protectData": "true"})

    kept = {each.type.partition(":")[2] for each in careful.resources if each.protect and each.retain_on_delete}
    assert kept == holding
    assert not [each.name for each in dev.resources if each.protect or each.retain_on_delete]


def test_what_operators_are_told_holds_no_secret(stack: Graph) -> None:
    assert stack.exports.keys() - {"outboundAddress"} == {
        "resourceGroup", "serviceBusNamespace", "deadLetters", "cosmosEndpoint", "keyVault", "storageAccount",
        "modelEndpoint", "functionApps", "functionHosts", "workbook",
    }  # fmt: skip
    assert "local-stand-in" not in json.dumps(stack.exports)
    assert stack.exports["functionApps"].keys() == {topology.name for topology in PATTERNS}


def test_bad_configuration_registers_nothing() -> None:
    done = mocks.run(
        main, project="event-driven-ai", stack="dev", config={"model:provider": "magic"}, secret=frozenset()
    )

    assert done.error is not None
    assert done.registered == ()


def test_a_name_given_twice_is_refused_as_by_the_real_engine() -> None:
    def program() -> None:
        for location in ("swedencentral", "westeurope"):
            ResourceGroup("twin", location=location)

    done = mocks.run(program, project="p", stack="s", config={}, secret=frozenset())

    assert "twin" in str(done.error)


def test_an_error_that_is_only_logged_is_an_error() -> None:
    done = mocks.run(lambda: pulumi.log.error("no quota"), project="p", stack="s", config={}, secret=frozenset())

    assert str(done.error) == "no quota"


def test_an_unknown_stack_is_told_with_those_that_exist() -> None:
    with pytest.raises(ProgramError, match=r"no stack prod-eu: Pulumi.prod-eu.yaml is missing; there are .*dev, local"):
        evaluate("prod-eu")


def test_the_door_calls_the_program_each_time_it_is_run() -> None:
    # A module's body runs once per process; only a call registers resources again at a second `up`.
    door = ast.parse((ROOT / "__main__.py").read_text("utf-8"))

    assert ast.unparse(door.body[-1]) == "main()"
    assert len(door.body) == 3


def test_the_keys_that_pulumi_describes_are_the_projects_own_with_the_same_defaults() -> None:
    described = yaml.safe_load(Path(ROOT / "Pulumi.yaml").read_text("utf-8"))["config"]

    own = {
        field.alias: (field.default, field.description)
        for name, field in Config.model_fields.items()
        if name != "location" and isinstance(field.default, bool | int | str)
    }
    assert {key: (entry["default"], entry["description"]) for key, entry in described.items()} == own

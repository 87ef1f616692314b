"""what would be missed stays, comes back, or is in another zone too"""

import pytest

from local.graph import Graph

ACCOUNT = "cosmosdb:DatabaseAccount"


@pytest.mark.parametrize(("stack", "tier"), [("dev", "Continuous7Days"), ("prod", "Continuous30Days")])
def test_documents_can_be_restored_to_any_second(stack: str, tier: str, request: pytest.FixtureRequest) -> None:
    policy = request.getfixturevalue(stack).one(ACCOUNT).inputs["backupPolicy"]

    assert policy == {"type": "Continuous", "continuousModeProperties": {"tier": tier}}


def test_prod_is_spread_over_zones(prod: Graph) -> None:
    (location,) = prod.one(ACCOUNT).inputs["locations"]

    assert location["isZoneRedundant"] is True
    assert prod.one("servicebus:Namespace").inputs["zoneRedundant"] is True
    assert prod.one("storage:StorageAccount").inputs["sku"] == {"name": "Standard_ZRS"}
    assert {plan.inputs["zoneRedundant"] for plan in prod.of_type("web:AppServicePlan")} == {True}


def test_in_prod_whatever_holds_data_is_protected_and_outlives_the_stack(prod: Graph) -> None:
    for type_ in (ACCOUNT, "servicebus:Namespace", "keyvault:Vault", "resources:ResourceGroup"):
        kept = prod.one(type_)
        assert (type_, kept.protect, kept.retain_on_delete) == (type_, True, True)
    for container in prod.of_type("cosmosdb:SqlResourceSqlContainer"):
        assert (container.protect, container.retain_on_delete) == (True, True)


def test_in_prod_nobody_can_purge_the_vault(prod: Graph, dev: Graph) -> None:
    assert prod.one("keyvault:Vault").inputs["properties"]["enablePurgeProtection"] is True
    # Azure refuses an explicit false
    assert "enablePurgeProtection" not in dev.one("keyvault:Vault").inputs["properties"]


def test_deleted_code_can_be_brought_back(stack: Graph) -> None:
    service = stack.one("storage:BlobServiceProperties").inputs

    assert service["blobServicesName"] == "default"
    assert service["deleteRetentionPolicy"]["enabled"] is True
    assert service["containerDeleteRetentionPolicy"]["enabled"] is True


def test_all_containers_share_what_autoscale_goes_up_to(prod: Graph, dev: Graph) -> None:
    database = prod.one("cosmosdb:SqlResourceSqlDatabase").inputs

    assert database["options"] == {"autoscaleSettings": {"maxThroughput": 10_000}}
    assert not prod.one(ACCOUNT).inputs["capabilities"]
    # and where it is paid by request, there is nothing to share
    assert "options" not in dev.one("cosmosdb:SqlResourceSqlDatabase").inputs
    assert dev.one(ACCOUNT).inputs["capabilities"] == [{"name": "EnableServerless"}]

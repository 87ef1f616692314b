"""the names of the app settings are a contract with services/kernel"""

import re

import pytest

from local.graph import ROOT, Graph, Resource, evaluate
from services.kernel.topology import Topology

HOST = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureFunctionsWebHost__hostid",
    "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__credential",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
}  # fmt: skip
CONNECTIONS = {
    "Cosmos__accountEndpoint", "Cosmos__clientId", "Cosmos__credential",
    "ServiceBus__clientId", "ServiceBus__credential", "ServiceBus__fullyQualifiedNamespace",
}  # fmt: skip
BEHAVIOUR = {
    "Budget__hardTokensPerDay", "Budget__softTokensPerDay", "Outbox__olderThanSeconds",
    "Retry__attempts", "Retry__baseSeconds", "Retry__capSeconds",
}  # fmt: skip
MODEL = {
    "Model__economy", "Model__effort", "Model__endpoint", "Model__large",
    "Model__provider", "Model__small", "Model__timeoutSeconds",
}  # fmt: skip
SCHEDULES = {"Schedule_measure_backlog", "Schedule_sweep_outbox"}


def settings_of(app: Resource) -> dict[str, str]:
    return {each["name"]: each["value"] for each in app.inputs["siteConfig"]["appSettings"]}


def test_on_azure_everything_is_reached_with_the_identity(dev: Graph) -> None:
    client_id = dev.one("managedidentity:UserAssignedIdentity", "inference").outputs["clientId"]

    settings = settings_of(dev.one("web:WebApp", "inference"))

    assert settings.keys() == HOST | CONNECTIONS | BEHAVIOUR | MODEL | SCHEDULES | {"Model__clientId"}
    assert {value for name, value in settings.items() if name.endswith("__clientId")} == {client_id}
    assert {value for name, value in settings.items() if name.endswith("__credential")} == {"managedidentity"}
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == f"ClientId={client_id};Authorization=AAD"
    assert settings["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"] == "true"
    assert settings["ServiceBus__fullyQualifiedNamespace"] == dev.exports["serviceBusNamespace"]
    assert settings["Cosmos__accountEndpoint"] == dev.exports["cosmosEndpoint"]
    assert settings["Model__endpoint"] == dev.exports["modelEndpoint"]


def test_what_is_published_brings_the_exporter_and_nothing_that_clashes_with_the_worker() -> None:
    """The worker itself speaks grpc, with a protobuf of its own."""
    published = "".join((ROOT / "requirements" / name).read_text() for name in ("services.txt", "azure.txt"))
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==(\S+)", published, re.MULTILINE):
        pins.setdefault(package, set()).add(version)

    assert "azure-monitor-opentelemetry" in pins
    assert not {"grpcio", "protobuf", "uamqp"} & pins.keys()
    assert {package: versions for package, versions in pins.items() if len(versions) > 1} == {}


def test_a_tier_has_the_name_to_ask_for_and_the_name_to_price(dev: Graph, local: Graph) -> None:
    deployed, direct = (
        settings_of(dev.one("web:WebApp", "inference")),
        settings_of(local.one("web:WebApp", "inference")),
    )

    assert deployed["Model__small"] == "small"
    assert direct["Model__small"] == "gpt-5.4-mini"


def test_with_a_key_the_setting_is_a_reference_to_it(local: Graph) -> None:
    settings = settings_of(local.one("web:WebApp", "inference"))
    vault = local.one("keyvault:Vault").outputs["name"]

    assert settings.keys() == HOST | CONNECTIONS | BEHAVIOUR | MODEL | SCHEDULES | {"Model__key"}
    assert settings["Model__key"] == f"@Microsoft.KeyVault(VaultName={vault};SecretName=model-key)"


def test_a_laptop_waits_seconds_where_azure_waits_minutes(dev: Graph, local: Graph) -> None:
    azure, laptop = settings_of(dev.one("web:WebApp", "inference")), settings_of(local.one("web:WebApp", "inference"))

    chosen = ("Outbox__olderThanSeconds", "Retry__attempts", "Retry__baseSeconds", "Retry__capSeconds")
    assert [laptop[name] for name in chosen] == ["1", "5", "0.5", "4"]
    assert laptop["Schedule_sweep_outbox"] == "*/2 * * * * *"
    assert [azure[name] for name in chosen] == ["30", "6", "5", "600"]
    assert azure["Schedule_sweep_outbox"] == "0 * * * * *"


def test_who_asks_nothing_knows_no_model() -> None:
    graph = evaluate("dev", patterns=[Topology("quiet")])

    settings = settings_of(graph.one("web:WebApp"))

    assert settings.keys() == HOST | CONNECTIONS | BEHAVIOUR


def test_a_declared_secret_arrives_as_a_reference() -> None:
    caller = Topology("caller", secrets=("shop-url",))

    graph = evaluate("dev", patterns=[caller], config_overrides={"secrets:shop-url": "https://shop.example"})

    vault = graph.one("keyvault:Vault").outputs["name"]
    setting = settings_of(graph.one("web:WebApp"))["Secret_shop_url"]
    assert setting == f"@Microsoft.KeyVault(VaultName={vault};SecretName=shop-url)"


@pytest.mark.parametrize("legacy", ["WEBSITE_RUN_FROM_PACKAGE", "FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"])
def test_nothing_is_set_that_flex_consumption_refuses(stack: Graph, legacy: str) -> None:
    for app in stack.of_type("web:WebApp"):
        assert legacy not in settings_of(app)


def test_a_site_says_nothing_that_flex_consumption_refuses_or_that_nobody_wrote(stack: Graph) -> None:
    restrictions = {
        "ipSecurityRestrictions", "ipSecurityRestrictionsDefaultAction", "scmIpSecurityRestrictions",
        "scmIpSecurityRestrictionsDefaultAction", "scmIpSecurityRestrictionsUseMain",
    }  # fmt: skip

    for app in stack.of_type("web:WebApp"):
        assert app.inputs["siteConfig"].keys() - restrictions == {
            "appSettings", "http20Enabled", "minTlsVersion", "remoteDebuggingEnabled", "scmMinTlsVersion",
        }  # fmt: skip

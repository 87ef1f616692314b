"""Settings are read once, by the names that infra writes, and refused with the name of what is wrong."""

from collections.abc import Iterator

import pytest
from azure.identity.aio import ManagedIdentityCredential
from pydantic import BaseModel, ValidationError

from local.provision import Plan
from services.kernel import connections
from services.kernel.connections import SettingMissing
from services.kernel.settings import ModelSettings, Settings, settings
from tests.services.world import app_of

MODEL = {"Model__small": "s", "Model__large": "l", "Model__economy": "e"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings for which this test is the process."""
    for name in ("ServiceBus", "Cosmos"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    connections._identity.cache_clear()
    yield monkeypatch
    settings.cache_clear()
    connections._identity.cache_clear()


def read(environment: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        environment.setenv(name, value)
    settings.cache_clear()
    return settings()


def test_without_any_setting_the_defaults_hold_and_there_is_no_model(environment: pytest.MonkeyPatch) -> None:
    found = read(environment)
    assert found.model is None
    assert found.budget.soft <= found.budget.hard
    assert found.retry.base <= found.retry.cap


def test_settings_are_read_by_the_names_that_infra_writes(environment: pytest.MonkeyPatch, the_plan: Plan) -> None:
    # given
    declared = app_of(the_plan, "inference").declared

    # when
    found = read(environment, **declared)

    # then
    assert found.model
    assert found.model.small == declared["Model__small"]
    assert str(found.budget.hard) == declared["Budget__hardTokensPerDay"]
    assert str(found.retry.attempts) == declared["Retry__attempts"]
    assert found.outbox.older_than == float(declared["Outbox__olderThanSeconds"])


def test_every_setting_that_infra_writes_is_read_by_somebody(the_plan: Plan) -> None:
    groups = {name.title(): field for name, field in Settings.model_fields.items()}
    for name in app_of(the_plan, "inference").declared:
        group, _, rest = name.partition("__")
        if group in groups:
            model = ModelSettings if group == "Model" else type(groups[group].default)
            assert rest in {field.alias or key for key, field in model.model_fields.items()}, name
            assert issubclass(model, BaseModel)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Model__timeoutSeconds", "0"),
        ("Model__timeoutSeconds", "soon"),
        ("Model__timeoutSeconds", "241"),
        ("Model__concurrency", "0"),
        ("Model__provider", "house"),
        ("Budget__hardTokensPerDay", "-1"),
        ("Budget__blockTokens", "0"),
        ("Retry__attempts", "0"),
        ("Retry__attempts", "21"),
        ("Retry__baseSeconds", "0"),
        ("Outbox__olderThanSeconds", "never"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(environment, **MODEL, **{name: value})
    group, _, rest = name.partition("__")
    assert refused.value.errors()[0]["loc"] == (group.lower(), rest)


def test_a_key_is_never_shown(environment: pytest.MonkeyPatch) -> None:
    found = read(environment, **MODEL, Model__key="sk-very-secret")
    assert found.model
    assert found.model.key == "sk-very-secret"
    assert "sk-very-secret" not in repr(found)


@pytest.mark.parametrize(
    ("connect", "names"),
    [
        (connections.service_bus, ("ServiceBus__fullyQualifiedNamespace", "ServiceBus")),
        (connections.cosmos, ("Cosmos__accountEndpoint", "Cosmos")),
    ],
)
def test_a_connection_that_is_not_set_is_asked_for_by_both_its_names(
    environment: pytest.MonkeyPatch, connect: object, names: tuple[str, str]
) -> None:
    for name in names:
        environment.delenv(name, raising=False)
    with pytest.raises(SettingMissing) as missing:
        connect()  # type: ignore[operator]
    assert all(name in str(missing.value) for name in names)


async def test_without_connection_strings_an_identity_connects(environment: pytest.MonkeyPatch) -> None:
    # given
    environment.setenv("ServiceBus__fullyQualifiedNamespace", "shop.example")
    environment.setenv("Cosmos__accountEndpoint", "https://shop.example:443/")
    for name in ("ServiceBus__clientId", "Cosmos__clientId"):
        environment.setenv(name, "11111111-2222-3333-4444-555555555555")

    # when
    bus, cosmos = connections.service_bus(), connections.cosmos()

    # then: one identity, of the client id that is named
    assert bus.fully_qualified_namespace == "shop.example"
    assert isinstance(bus._credential, ManagedIdentityCredential)
    assert connections._identity.cache_info().currsize == 1
    await bus.close()
    await cosmos.close()
    await bus._credential.close()


async def test_a_model_is_called_with_its_key_and_leaves_retries_to_the_kernel(environment: pytest.MonkeyPatch) -> None:
    # given
    found = read(
        environment, **MODEL, Model__key="k", Model__endpoint="http://127.0.0.1:1/v1", Model__timeoutSeconds="7"
    )
    assert found.model

    # when
    client = connections.model(found.model)

    # then
    assert (client.api_key, str(client.base_url), client.timeout, client.max_retries) == (
        "k",
        "http://127.0.0.1:1/v1/",
        7,
        0,
    )
    await client.close()

import json
from pathlib import Path

import pytest

from local.host.errors import HostError
from local.host.settings import Connection, connection, expand, load_settings


def _file(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_settings_of_several_files_are_one_environment(tmp_path: Path) -> None:
    # given
    one = _file(tmp_path, "one.json", {"A": "1", "SHARED": "same", "LIMIT": 3, "ON": True})
    two = _file(tmp_path, "two.json", {"IsEncrypted": False, "Values": {"B": "2", "SHARED": "same"}})

    # when, then
    assert load_settings([one, two]) == {"A": "1", "SHARED": "same", "LIMIT": "3", "ON": "true", "B": "2"}


def test_a_setting_with_two_values_is_refused_without_showing_them(tmp_path: Path) -> None:
    # given
    one, two = _file(tmp_path, "one.json", {"KEY": "secret-a"}), _file(tmp_path, "two.json", {"KEY": "secret-b"})

    # when
    with pytest.raises(HostError) as caught:
        load_settings([one, two])

    # then
    assert f"setting KEY differs between {one} and {two}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "holds list; a JSON object of names and values is needed"),
        ('{"A": {"B": 1}}', 'A is {"B": 1}; a setting is a string, a number or a boolean'),
        ('{"A": null}', "A is null"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, content: str | None, says: str) -> None:
    # given
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)

    # when, then
    with pytest.raises(HostError, match=r"settings\.json") as caught:
        load_settings([path])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("@Microsoft.KeyVault(VaultName=kv;SecretName=slack)", "hook"),
        ("@microsoft.keyvault(vaultname=kv; secretname=slack; SecretVersion=1)", "hook"),
        ("@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/slack/)", "hook"),
        ("@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/slack/0123)", "hook"),
        ("@Microsoft.KeyVault(VaultName=other;SecretName=slack)", "other hook"),
        ("plain", "plain"),
    ],
)
def test_a_key_vault_reference_becomes_its_secret(tmp_path: Path, reference: str, value: str) -> None:
    # given
    settings = _file(tmp_path, "settings.json", {"CHANNEL": reference})
    secrets = _file(tmp_path, "secrets.json", {"slack": "hook", "other/slack": "other hook"})

    # when, then
    assert load_settings([settings], secrets) == {"CHANNEL": value}


def test_every_secret_that_is_missing_is_named_with_its_setting(tmp_path: Path) -> None:
    # given
    references = {
        "SLACK": "@Microsoft.KeyVault(VaultName=kv;SecretName=slack)",
        "MAIL": "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/mail)",
        "BAD": "@Microsoft.KeyVault(SecretName=slack)",
    }
    settings, secrets = _file(tmp_path, "settings.json", references), _file(tmp_path, "secrets.json", {})

    # when
    with pytest.raises(HostError) as caught:
        load_settings([settings], secrets)
    with pytest.raises(HostError) as without:
        load_settings([settings])

    # then
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"setting SLACK refers to secret slack of vault kv: {secrets} does not hold it")
    assert lines[1].startswith("setting MAIL refers to secret mail of vault kv")
    assert lines[2].startswith("setting BAD: @Microsoft.KeyVault(SecretName=slack) is malformed; write VaultName=")
    assert "pass --secrets" in str(without.value)


def test_an_expression_becomes_its_setting() -> None:
    assert expand("a-%TOPIC%-%N%", {"TOPIC": "orders", "N": "1"}, where="f") == "a-orders-1"
    with pytest.raises(HostError, match="f uses %TOPIC%, but there is no app setting TOPIC"):
        expand("%TOPIC%", {}, where="f")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"Bus": "Endpoint=..."}, Connection("Bus", connection_string="Endpoint=...")),
        ({"AzureWebJobsBus": "first", "Bus": "second"}, Connection("Bus", connection_string="first")),
        ({"Bus__space": "x.example", "Bus__clientId": "1"}, Connection("Bus", address="x.example")),
        ({"Bus": "", "Bus__space": "x.example"}, Connection("Bus", address="x.example")),
    ],
)
def test_a_connection_is_found_by_the_functions_convention(settings: dict[str, str], found: Connection) -> None:
    assert connection("Bus", settings, address="space", where="f") == found


def test_a_connection_that_no_setting_gives_is_named() -> None:
    with pytest.raises(HostError) as caught:
        connection("Bus", {"Bus__clientId": "1"}, address="space", where="shop: f")
    assert str(caught.value) == (
        "shop: f connects through Bus, but there is no app setting Bus (a connection string) "
        "and none Bus__space (an identity); add one to the settings file"
    )

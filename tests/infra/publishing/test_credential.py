"""what the azure-native provider is told -> the same deployer's credential"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from azure import identity

from infra.publishing import credential as module
from infra.publishing.content import PackageError
from infra.publishing.credential import SCOPE, credential, token

SERVICE = {"ARM_TENANT_ID": "11111111-2222-3333-4444-555555555555", "ARM_CLIENT_ID": "client"}
NONE: dict[str, str] = {}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine is signed in as does not count."""
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_CERTIFICATE_PATH", "USE_OIDC", "USE_MSI",
                 "USE_DEFAULT_AZURE_CREDENTIAL", "OIDC_TOKEN", "OIDC_TOKEN_FILE_PATH"):  # fmt: skip
        monkeypatch.delenv(f"ARM_{name}", raising=False)
    for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "config", "expected"),
    [
        (NONE, NONE, identity.AzureCliCredential),
        ({"ARM_USE_DEFAULT_AZURE_CREDENTIAL": "true"}, NONE, identity.DefaultAzureCredential),
        ({**SERVICE, "ARM_CLIENT_SECRET": "s"}, NONE, identity.ClientSecretCredential),
        (SERVICE, {"azure-native:clientSecret": "s"}, identity.ClientSecretCredential),
        ({**SERVICE, "ARM_USE_OIDC": "true", "ARM_OIDC_TOKEN": "t"}, NONE, identity.ClientAssertionCredential),
        ({"ARM_USE_MSI": "true"}, NONE, identity.ManagedIdentityCredential),
        (NONE, {"azure-native:useMsi": "true"}, identity.ManagedIdentityCredential),
        ({"ARM_USE_MSI": "false"}, NONE, identity.AzureCliCredential),
    ],
    ids=[
        "az login",
        "default",
        "secret",
        "secret in config",
        "pipeline",
        "managed",
        "managed in config",
        "not managed",
    ],
)
def test_the_deployer_signs_in_as_the_provider_does(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], config: dict[str, str], expected: type
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert type(credential(config.get)) is expected


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"ARM_CLIENT_SECRET": "s"}, "set ARM_TENANT_ID, or azure-native:tenantId"),
        ({"ARM_USE_OIDC": "true", "ARM_TENANT_ID": "t"}, "set ARM_CLIENT_ID, or azure-native:clientId"),
        ({**SERVICE, "ARM_USE_OIDC": "true"}, "`id-token: write`"),
    ],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], missing: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(PackageError, match=missing):
        credential(NONE.get)


def test_whoever_is_not_signed_in_is_told_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PackageError, match=r"the deployer cannot sign in to publish code: .*; run `az login`, or set"):
        token(NONE.get)()


def test_the_azure_cli_is_asked_for_a_token_of_azure_s_management(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    az = tmp_path / "az"
    az.write_text(
        f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho \'{{"accessToken": "t-1", "expires_on": 4102444800}}\'\n'
    )
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    assert token(NONE.get)() == "t-1"

    assert f"--resource {SCOPE.removesuffix('/.default')}" in (tmp_path / "asked").read_text()


# -- a pipeline that proves itself with a token of its own -----------------------------------------------------------


@pytest.fixture
def issuer() -> Iterator[tuple[str, list[tuple[str, str]], list[bytes]]]:
    """Who issues a pipeline's token: its address, what it was asked for and by whom, and what it answers."""
    asked: list[tuple[str, str]] = []
    answers: list[bytes] = [b'{"value": "from-the-pipeline"}']

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[0])

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token?api-version=2", asked, answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_pipeline_asks_for_its_token_with_the_provider_s_audience(
    issuer: tuple[str, list[tuple[str, str]], list[bytes]],
) -> None:
    url, asked, _ = issuer

    assert module._issued(url, "permit", "api://AzureADTokenExchange") == "from-the-pipeline"

    assert asked == [("/token?api-version=2&audience=api%3A%2F%2FAzureADTokenExchange", "Bearer permit")]


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"token": 1}'])
def test_an_issuer_that_says_something_else_is_an_error(
    issuer: tuple[str, list[tuple[str, str]], list[bytes]], answer: bytes
) -> None:
    url, _, answers = issuer
    answers[0] = answer

    with pytest.raises(PackageError, match="the pipeline's token was not issued"):
        module._issued(url, "permit", "api://AzureADTokenExchange")


def test_a_token_in_a_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = {"ARM_OIDC_TOKEN_FILE_PATH": str(file)}

    assertion = module._assertion(lambda _, variable: settings.get(variable, ""))
    file.write_text("renewed\n")

    assert assertion() == "renewed"

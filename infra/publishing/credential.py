"""who the azure-native provider signs in as -> a token of the same deployer

The provider's order and names, so that what made the app may publish to it: `azure-native:clientId` in the stack's
configuration, or ARM_CLIENT_ID, and so on. Without any, whoever ran `az login`.
Source: pulumi-azure-native, provider/pkg/provider/auth_azidentity.go.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.publishing.content import PackageError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SCOPE = "https://management.azure.com/.default"
"""Publishing sites take the tokens of Azure's management."""

AUDIENCE = "api://AzureADTokenExchange"
PATIENCE = 60
"""Seconds that the Azure CLI, or whoever issues the pipeline's token, may take."""

Lookup = Callable[[str], Any]
"""A key of the stack's configuration, with its namespace."""


def token(config: Lookup) -> Callable[[], str]:
    """What hands out valid tokens of the deployer.

    Raises:
        PackageError: what is needed to sign in is missing.
    """
    from azure.core.exceptions import ClientAuthenticationError

    chosen = credential(config)

    def current() -> str:
        """Kept and renewed by the credential."""
        try:
            return chosen.get_token(SCOPE).token
        except (ClientAuthenticationError, ValueError) as refused:
            raise PackageError(
                f"the deployer cannot sign in to publish code: {refused}; run `az login`, or set what the azure-native "
                "provider signs in with (ARM_CLIENT_ID, ARM_TENANT_ID and ARM_USE_OIDC or another way)"
            ) from None

    return current


def credential(config: Lookup) -> "TokenCredential":
    """The credential that configuration and environment choose.

    Raises:
        PackageError: one is chosen and what it needs is missing.
    """
    from azure import identity

    def setting(key: str, variable: str) -> str:
        return str(config(f"azure-native:{key}") or os.environ.get(variable) or "")

    def needed(key: str, variable: str) -> str:
        value = setting(key, variable)
        if not value:
            raise PackageError(f"the deployer cannot sign in to publish code: set {variable}, or azure-native:{key}")
        return value

    def service() -> tuple[str, str]:
        return needed("tenantId", "ARM_TENANT_ID"), needed("clientId", "ARM_CLIENT_ID")

    if setting("useDefaultAzureCredential", "ARM_USE_DEFAULT_AZURE_CREDENTIAL") == "true":
        return identity.DefaultAzureCredential()
    if certificate := setting("clientCertificatePath", "ARM_CLIENT_CERTIFICATE_PATH"):
        password = setting("clientCertificatePassword", "ARM_CLIENT_CERTIFICATE_PASSWORD") or None
        return identity.CertificateCredential(*service(), certificate_path=certificate, password=password)
    if secret := setting("clientSecret", "ARM_CLIENT_SECRET"):
        return identity.ClientSecretCredential(*service(), client_secret=secret)
    if setting("useOidc", "ARM_USE_OIDC") == "true":
        return identity.ClientAssertionCredential(*service(), func=_assertion(setting))
    if setting("useMsi", "ARM_USE_MSI") == "true":
        return identity.ManagedIdentityCredential(client_id=setting("clientId", "ARM_CLIENT_ID") or None)
    return identity.AzureCliCredential(tenant_id=setting("tenantId", "ARM_TENANT_ID"), process_timeout=PATIENCE)


def _assertion(setting: Callable[[str, str], str]) -> Callable[[], str]:
    """What a federated pipeline proves itself with: a token at hand, in a file, or for the asking."""
    if at_hand := setting("oidcToken", "ARM_OIDC_TOKEN"):
        return lambda: at_hand
    if file := setting("oidcTokenFilePath", "ARM_OIDC_TOKEN_FILE_PATH"):
        return lambda: Path(file).read_text("utf-8").strip()
    url = setting("oidcRequestUrl", "ACTIONS_ID_TOKEN_REQUEST_URL")
    permit = setting("oidcRequestToken", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not (url and permit):
        raise PackageError(
            "ARM_USE_OIDC is set and there is no token: ARM_OIDC_TOKEN, ARM_OIDC_TOKEN_FILE_PATH, or in GitHub the "
            "job's permission `id-token: write`"
        )
    audience = setting("oidcAudience", "ARM_OIDC_AUDIENCE") or AUDIENCE
    return lambda: _issued(url, permit, audience)


def _issued(url: str, permit: str, audience: str) -> str:
    import httpx

    asked = httpx.URL(url).copy_set_param("audience", audience)
    try:
        answer = httpx.get(asked, headers={"Authorization": f"Bearer {permit}"}, timeout=PATIENCE)
        return str(answer.raise_for_status().json()["value"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as broken:
        raise PackageError(f"the pipeline's token was not issued: {type(broken).__name__}: {broken}") from None

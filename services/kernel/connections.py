"""App settings -> clients of the official SDKs, by the Functions convention.

`ServiceBus` or `Cosmos` hold a connection string (emulators), or `ServiceBus__fullyQualifiedNamespace` and
`Cosmos__accountEndpoint` with `__clientId` name an identity (Azure). This is the only place where the laptop and Azure
differ, and it does not know which is which.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

from azure.cosmos.aio import CosmosClient
from azure.servicebus.aio import ServiceBusClient
from openai import AsyncOpenAI

from services.kernel.settings import ModelSettings

if TYPE_CHECKING:
    from azure.identity.aio import ManagedIdentityCredential

MODEL_SCOPE = "https://cognitiveservices.azure.com/.default"


class SettingMissing(Exception):  # noqa: N818
    """An app setting that the service cannot do without is not there."""


def service_bus() -> ServiceBusClient:
    """The Service Bus of the setting `ServiceBus`.

    Raises:
        SettingMissing: if neither form of the connection is set.
    """
    if connection := os.environ.get("ServiceBus"):
        return ServiceBusClient.from_connection_string(connection)
    namespace = _setting("ServiceBus__fullyQualifiedNamespace", "ServiceBus")
    return ServiceBusClient(namespace, _identity(os.environ.get("ServiceBus__clientId")))


def cosmos() -> CosmosClient:
    """The Cosmos DB account of the setting `Cosmos`.

    Raises:
        SettingMissing: if neither form of the connection is set.
    """
    if connection := os.environ.get("Cosmos"):
        return CosmosClient.from_connection_string(connection)
    endpoint = _setting("Cosmos__accountEndpoint", "Cosmos")
    return CosmosClient(endpoint, _identity(os.environ.get("Cosmos__clientId")))


def model(settings: ModelSettings) -> AsyncOpenAI:
    """The model endpoint; retries are the kernel's, so that a wait never holds a lock or hides a cost."""
    if settings.key:
        return AsyncOpenAI(
            api_key=settings.key,
            base_url=settings.endpoint or None,
            timeout=settings.timeout_seconds,
            max_retries=0,
        )
    from azure.identity.aio import get_bearer_token_provider

    token = get_bearer_token_provider(_identity(settings.client_id), MODEL_SCOPE)
    return AsyncOpenAI(api_key=token, base_url=settings.endpoint, timeout=settings.timeout_seconds, max_retries=0)


@cache
def _identity(client_id: str | None) -> "ManagedIdentityCredential":
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id)


def _setting(name: str, other: str) -> str:
    if value := os.environ.get(name):
        return value
    raise SettingMissing(
        f"neither {name} (identity) nor {other} (connection string) is set; infra/settings.py says what sets them"
    )

"""names stay within what Azure takes"""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import names
from local.graph import Graph

LIMITS = {
    "cognitiveservices:Account": r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,63}",
    "cosmosdb:DatabaseAccount": r"[a-z0-9][a-z0-9-]{1,42}[a-z0-9]",
    "keyvault:Secret": r"[A-Za-z0-9-]{1,127}",
    "keyvault:Vault": r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "managedidentity:UserAssignedIdentity": r"[a-zA-Z0-9][\w-]{2,127}",
    "operationalinsights:Workspace": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "resources:ResourceGroup": r"[\w.()-]{0,89}[\w()-]",
    "servicebus:Namespace": r"[a-zA-Z][a-zA-Z0-9-]{4,48}[a-zA-Z0-9]",
    "servicebus:Queue": r"[A-Za-z0-9][\w./~-]{0,259}",
    "servicebus:Rule": r"[A-Za-z0-9][\w.-]{0,49}",
    "servicebus:Subscription": r"[A-Za-z0-9][\w.-]{0,49}",
    "servicebus:Topic": r"[A-Za-z0-9][\w./~-]{0,259}",
    "storage:BlobContainer": r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "storage:StorageAccount": r"[a-z0-9]{3,24}",
    "web:AppServicePlan": r"[a-zA-Z0-9-]{1,60}",
    "web:WebApp": r"[a-zA-Z0-9][a-zA-Z0-9-]{0,58}[a-zA-Z0-9]",
}
"""As in Azure's "naming rules and restrictions", of every type that is named by us or after us."""

pattern_names = st.from_regex(r"[a-z][a-z_-]{0,60}[a-z]", fullmatch=True)


@pytest.mark.parametrize("type_", LIMITS)
def test_azure_takes_every_name(dev: Graph, local: Graph, type_: str) -> None:
    called = [each.outputs["name"] for graph in (dev, local) for each in graph.of_type(type_)]

    assert called
    assert [name for name in called if not re.fullmatch(LIMITS[type_], name, re.ASCII)] == []


def test_the_models_host_name_is_a_host_name(dev: Graph) -> None:
    subdomain = dev.one("cognitiveservices:Account").inputs["properties"]["customSubDomainName"]

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", subdomain)


@given(pattern_names)
def test_a_host_id_fits_into_32_characters_of_a_host_name(name: str) -> None:
    assert re.fullmatch(r"(?!.*--)[a-z0-9-]{1,32}", names.host_id(name))


@given(pattern_names, pattern_names)
def test_hosts_of_two_patterns_never_share_an_id(one: str, other: str) -> None:
    if names.slug(one) != names.slug(other):
        assert names.host_id(one) != names.host_id(other)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=30), "PT30S"),
        (timedelta(minutes=1), "PT1M"),
        (timedelta(minutes=4, seconds=30), "PT4M30S"),
        (timedelta(days=14), "P14D"),
    ],
)
def test_durations_are_written_as_service_bus_stores_them(span: timedelta, text: str) -> None:
    assert names.duration(span) == text

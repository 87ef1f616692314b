"""no keys, no plain text, no more than needed: held on every stack"""

import json

import pytest

from infra.names import slug
from local.azure_shapes import TENANT
from local.graph import REGISTERED, Graph, Resource
from services.kernel.topology import Topology
from services.registry import PATTERNS

LOCAL_AUTH_OFF = {
    "servicebus:Namespace": {"disableLocalAuth": True, "minimumTlsVersion": "1.2"},
    "cosmosdb:DatabaseAccount": {
        "disableLocalAuth": True,
        "disableKeyBasedMetadataWriteAccess": True,
        "minimalTlsVersion": "Tls12",
    },
    "storage:StorageAccount": {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "isLocalUserEnabled": False,
        "allowCrossTenantReplication": False,
        "enableHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
    },
    "applicationinsights:Component": {"disableLocalAuth": True},
    "operationalinsights:Workspace": {"features": {"disableLocalAuth": True}},
    "storage:BlobContainer": {"publicAccess": "None"},
    "web:WebAppScmAllowed": {"allow": False},
    "web:WebAppFtpAllowed": {"allow": False},
}


@pytest.mark.parametrize("type_", LOCAL_AUTH_OFF)
def test_nobody_gets_in_with_a_key(stack: Graph, type_: str) -> None:
    for resource in stack.of_type(type_):
        assert {key: resource.inputs.get(key) for key in LOCAL_AUTH_OFF[type_]} == LOCAL_AUTH_OFF[type_]
    assert stack.of_type(type_)


def test_the_model_account_takes_tokens_only_at_a_host_name_of_its_own(dev: Graph) -> None:
    properties = dev.one("cognitiveservices:Account").inputs["properties"]

    assert properties["disableLocalAuth"] is True
    assert dev.exports["modelEndpoint"] == f"https://{properties['customSubDomainName']}.openai.azure.com/openai/v1/"


def test_the_vault_goes_by_roles_and_forgets_slowly(stack: Graph) -> None:
    properties = stack.one("keyvault:Vault").inputs["properties"]

    assert properties["enableRbacAuthorization"] is True
    assert properties["enableSoftDelete"] is True


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_an_app_speaks_https_only_and_signs_in_as_itself(stack: Graph, pattern: Topology) -> None:
    name = slug(pattern.name)
    app, identity = stack.one("web:WebApp", name), stack.one("managedidentity:UserAssignedIdentity", name)

    assert app.inputs["httpsOnly"] is True
    assert app.inputs["siteConfig"]["minTlsVersion"] == "1.2"
    assert app.inputs["siteConfig"]["scmMinTlsVersion"] == "1.2"
    assert app.inputs["identity"] == {"type": "UserAssigned", "userAssignedIdentities": [identity.id]}
    assert app.inputs["keyVaultReferenceIdentity"] == identity.id
    storage = app.inputs["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity.id,
    }


def test_an_app_starts_after_it_may_do_its_work(stack: Graph) -> None:
    for app in stack.of_type("web:WebApp"):
        identity = stack.by_id(app.inputs["identity"]["userAssignedIdentities"][0])
        assignments = {
            resource.urn
            for type_ in ("authorization:RoleAssignment", "cosmosdb:SqlResourceSqlRoleAssignment")
            for resource in stack.of_type(type_)
            if resource.inputs["principalId"] == identity.outputs["principalId"]
        }

        assert assignments
        assert assignments <= set(app.depends_on)


def test_nobody_calls_an_app_without_a_token_of_the_stacks_own_registration(stack: Graph) -> None:
    """Word for word: one thing more, or one less, would be an open door."""
    client_id = stack.of_type("web:WebAppAuthSettingsV2")[0].inputs["identityProviders"]["azureActiveDirectory"][
        "registration"
    ]["clientId"]
    assert client_id == REGISTERED

    for pattern in (each for each in PATTERNS if each.http):
        sign_in = dict(stack.one("web:WebAppAuthSettingsV2", f"{slug(pattern.name)}-sign-in").inputs)
        assert sign_in.pop("name") == stack.one("web:WebApp", slug(pattern.name)).outputs["name"]
        assert sign_in.pop("resourceGroupName")
        assert sign_in == {
            "platform": {"enabled": True, "runtimeVersion": "~1"},
            "globalValidation": {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"},
            "httpSettings": {"requireHttps": True},
            "identityProviders": {
                "azureActiveDirectory": {
                    "enabled": True,
                    "registration": {
                        "clientId": client_id,
                        "openIdIssuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
                    },
                    "validation": {"allowedAudiences": [client_id, f"api://{client_id}"]},
                }
            },
            "login": {"tokenStore": {"enabled": False}},
        }


def test_an_app_without_http_functions_has_no_door_to_guard(stack: Graph) -> None:
    guarded = {each.name for each in stack.of_type("web:WebAppAuthSettingsV2")}

    assert guarded == {f"{slug(pattern.name)}-sign-in" for pattern in PATTERNS if pattern.http}


def test_every_role_is_given_to_a_service_on_one_thing(stack: Graph) -> None:
    group = stack.one("resources:ResourceGroup").id
    principals = {each.outputs["principalId"] for each in stack.of_type("managedidentity:UserAssignedIdentity")}

    for assignment in stack.of_type("authorization:RoleAssignment"):
        assert assignment.inputs["principalType"] == "ServicePrincipal"
        assert assignment.inputs["principalId"] in principals
        assert stack.by_id(assignment.inputs["scope"]).id != group
    for assignment in stack.of_type("cosmosdb:SqlResourceSqlRoleAssignment"):
        assert assignment.inputs["principalId"] in principals
        assert _container_at(stack, assignment.inputs["scope"])


def test_the_name_of_a_role_assignment_tells_who_what_and_where_apart(stack: Graph) -> None:
    names = [each.inputs["roleAssignmentName"] for each in stack.of_type("authorization:RoleAssignment")]

    assert len(set(names)) == len(names)


def test_a_secret_stays_in_the_vault(local: Graph) -> None:
    # given: a stack whose model is reached with a key, and whose channels are secrets
    secrets = local.of_type("keyvault:Secret")
    assert {secret.name for secret in secrets} > {"model-key", "channel-email"}

    for secret in secrets:
        # then: the engine is told that it is secret, and nothing but the vault ever sees it
        value = secret.inputs["properties"]["value"]
        assert secret.secrets == {"properties"}
        elsewhere = [resource for resource in local.resources if resource is not secret]
        assert not [each.name for each in elsewhere if value in json.dumps([each.inputs, each.outputs])]
        assert value not in json.dumps(local.exports)


def test_whoever_asks_may_read_the_key_and_each_pattern_its_own_secrets_and_no_other(local: Graph) -> None:
    identities = {
        each.outputs["principalId"]: each.name for each in local.of_type("managedidentity:UserAssignedIdentity")
    }
    readers = {
        (identities[each.inputs["principalId"]], local.by_id(each.inputs["scope"]).name)
        for each in local.of_type("authorization:RoleAssignment")
        if each.inputs["roleDefinitionId"].endswith("4633458b-17de-408a-b874-0445c86b69e6")
    }

    wanted = {(pattern.name, secret) for pattern in PATTERNS for secret in pattern.secrets}
    wanted |= {(pattern.name, "model-key") for pattern in PATTERNS if pattern.asks}
    assert readers == {(slug(pattern), secret) for pattern, secret in wanted}


def _container_at(graph: Graph, scope: str) -> Resource:
    account, _, path = scope.partition("/dbs/")
    return graph.by_id(f"{account}/sqlDatabases/{path.replace('/colls/', '/containers/')}")

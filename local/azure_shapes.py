"""an azure-native resource as declared -> the id and the outputs that Azure would answer with

Only shapes are imitated: ids that can be matched as the scopes of role assignments, addresses, ids of identities.
What Azure picks at random is derived from the resource's name here, so that two evaluations are identical.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TENANT = "00000000-0000-4000-8000-000000000002"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"

PATHS: Mapping[str, str] = {
    "applicationinsights:WebTest": "Microsoft.Insights/webtests/{webTestName}",
    "applicationinsights:Workbook": "Microsoft.Insights/workbooks/{resourceName}",
    "applicationinsights:Component": "Microsoft.Insights/components/{resourceName}",
    "authorization:RoleAssignment": "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    "cognitiveservices:Account": "Microsoft.CognitiveServices/accounts/{accountName}",
    "cognitiveservices:Deployment": "Microsoft.CognitiveServices/accounts/{accountName}/deployments/{deploymentName}",
    "consumption:Budget": "{scope}/providers/Microsoft.Consumption/budgets/{budgetName}",
    "cosmosdb:DatabaseAccount": "Microsoft.DocumentDB/databaseAccounts/{accountName}",
    "cosmosdb:SqlResourceSqlContainer": "Microsoft.DocumentDB/databaseAccounts/{accountName}"
    "/sqlDatabases/{databaseName}/containers/{containerName}",
    "cosmosdb:SqlResourceSqlDatabase": "Microsoft.DocumentDB/databaseAccounts/{accountName}"
    "/sqlDatabases/{databaseName}",
    "cosmosdb:SqlResourceSqlRoleAssignment": "Microsoft.DocumentDB/databaseAccounts/{accountName}"
    "/sqlRoleAssignments/{roleAssignmentId}",
    "keyvault:Secret": "Microsoft.KeyVault/vaults/{vaultName}/secrets/{secretName}",
    "keyvault:Vault": "Microsoft.KeyVault/vaults/{vaultName}",
    "managedidentity:UserAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}",
    "monitor:ActionGroup": "Microsoft.Insights/actionGroups/{actionGroupName}",
    "monitor:DiagnosticSetting": "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    "monitor:MetricAlert": "Microsoft.Insights/metricAlerts/{ruleName}",
    "monitor:ScheduledQueryRule": "Microsoft.Insights/scheduledQueryRules/{ruleName}",
    "network:NatGateway": "Microsoft.Network/natGateways/{natGatewayName}",
    "network:NetworkSecurityGroup": "Microsoft.Network/networkSecurityGroups/{networkSecurityGroupName}",
    "network:PrivateDnsZoneGroup": "Microsoft.Network/privateEndpoints/{privateEndpointName}"
    "/privateDnsZoneGroups/{privateDnsZoneGroupName}",
    "network:PrivateEndpoint": "Microsoft.Network/privateEndpoints/{privateEndpointName}",
    "network:PublicIPAddress": "Microsoft.Network/publicIPAddresses/{publicIpAddressName}",
    "network:VirtualNetwork": "Microsoft.Network/virtualNetworks/{virtualNetworkName}",
    "operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces/{workspaceName}",
    "privatedns:PrivateZone": "Microsoft.Network/privateDnsZones/{privateZoneName}",
    "privatedns:VirtualNetworkLink": "Microsoft.Network/privateDnsZones/{privateZoneName}"
    "/virtualNetworkLinks/{virtualNetworkLinkName}",
    "resources:ResourceGroup": GROUP,
    "servicebus:DefaultRule": "Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}"
    "/subscriptions/{subscriptionName}/rules/$Default",
    "servicebus:Namespace": "Microsoft.ServiceBus/namespaces/{namespaceName}",
    "servicebus:Queue": "Microsoft.ServiceBus/namespaces/{namespaceName}/queues/{queueName}",
    "servicebus:Rule": "Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}"
    "/subscriptions/{subscriptionName}/rules/{ruleName}",
    "servicebus:Subscription": "Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}"
    "/subscriptions/{subscriptionName}",
    "servicebus:Topic": "Microsoft.ServiceBus/namespaces/{namespaceName}/topics/{topicName}",
    "storage:BlobServiceProperties": "Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}",
    "storage:BlobContainer": "Microsoft.Storage/storageAccounts/{accountName}"
    "/blobServices/default/containers/{containerName}",
    "storage:StorageAccount": "Microsoft.Storage/storageAccounts/{accountName}",
    "web:AppServicePlan": "Microsoft.Web/serverfarms/{name}",
    "web:WebApp": "Microsoft.Web/sites/{name}",
    "web:WebAppAuthSettingsV2": "Microsoft.Web/sites/{name}/config/authsettingsV2",
    "web:WebAppFtpAllowed": "Microsoft.Web/sites/{name}/basicPublishingCredentialsPolicies/ftp",
    "web:WebAppScmAllowed": "Microsoft.Web/sites/{name}/basicPublishingCredentialsPolicies/scm",
}
"""Where a resource's id is: absolute, or below its resource group. The last part is its own name."""

OUTPUTS: Mapping[str, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    "applicationinsights:Component": lambda name, inputs: {
        "connectionString": f"InstrumentationKey={_guid(name)};"
        f"IngestionEndpoint=https://{inputs['location']}-0.in.applicationinsights.azure.com/",
    },
    "cognitiveservices:Account": lambda _, inputs: {
        "properties": {
            **inputs["properties"],
            "endpoint": f"https://{inputs['properties']['customSubDomainName']}.openai.azure.com/",
        },
    },
    "cosmosdb:DatabaseAccount": lambda name, _: {"documentEndpoint": f"https://{name}.documents.azure.com:443/"},
    "keyvault:Vault": lambda name, inputs: {
        "properties": {**inputs["properties"], "vaultUri": f"https://{name}.vault.azure.net/"}
    },
    "managedidentity:UserAssignedIdentity": lambda name, _: {
        "principalId": _guid("principal", name),
        "clientId": _guid("client", name),
        "tenantId": TENANT,
    },
    "network:PublicIPAddress": lambda _name, _inputs: {"ipAddress": "198.51.100.7"},
    "servicebus:Namespace": lambda name, _: {"serviceBusEndpoint": f"https://{name}.servicebus.windows.net:443/"},
    "storage:StorageAccount": lambda name, _: {
        "primaryEndpoints": {kind: f"https://{name}.{kind}.core.windows.net/" for kind in ("blob", "queue", "table")},
    },
    "web:WebApp": lambda name, inputs: {
        "defaultHostName": f"{name}.azurewebsites.net",
        "hostNameSslStates": [
            {"name": f"{name}.azurewebsites.net", "hostType": "Standard", "sslState": "Disabled"},
            {"name": f"{name}.scm.azurewebsites.net", "hostType": "Repository", "sslState": "Disabled"},
        ],
        # Declared as a list of ids, answered as a map.
        "identity": {
            **inputs["identity"],
            "userAssignedIdentities": {id_: {} for id_ in inputs["identity"]["userAssignedIdentities"]},
        },
    },
}
"""What Azure answers beyond what was declared: from the resource's own name and its inputs."""


def created(token: str, logical: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The resource id and the outputs of a resource of this type, as after a successful deployment.

    `token` is the type without its package (`servicebus:Topic`), `logical` its name in the program.

    Raises:
        KeyError: naming an input that is missing and that Azure could not do without.
    """
    resource_id = identified(token, logical, inputs)
    name = resource_id.rpartition("/")[2]
    answered: Mapping[str, Any] = OUTPUTS[token](name, _Named(inputs)) if token in OUTPUTS else {}
    return resource_id, {**inputs, "name": name, **answered}


def published(inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the outputs of an app's code, as infra/publishing/code.py gives them."""
    return inputs["service"], dict(inputs)


def identified(token: str, logical: str, inputs: Mapping[str, Any]) -> str:
    """The resource id alone; arguments and errors as for `created`."""
    path = PATHS.get(token) or _guessed_path(token)
    if not path.startswith(("/", "{")):
        path = f"{GROUP}/providers/{path}"
    above, _, own = path.rpartition("/")
    return f"{above.format_map(_Named(inputs))}/{_own_name(own, token, logical, inputs)}"


def answered(token: str) -> dict[str, Any]:
    """What an invoke returns.

    Raises:
        NotImplementedError: for an invoke that the program has newly begun to use.
    """
    if token == "azure-native:authorization:getClientConfig":  # noqa: S105  # a token of Pulumi's, nothing secret
        return {"clientId": _guid("deployer"), "objectId": _guid("deployer", "object"),
                "subscriptionId": SUBSCRIPTION, "tenantId": TENANT}  # fmt: skip
    raise NotImplementedError(f"no answer is known for {token}; add it in local/azure_shapes.py")


class _Named(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        raise KeyError(f"{key} is not among the inputs")


def _own_name(segment: str, token: str, logical: str, inputs: Mapping[str, Any]) -> str:
    """As declared, or as Pulumi makes one up: the logical name and eight digits, for ever the same here."""
    field = re.fullmatch(r"\{(\w+)\}", segment)
    if field is None:
        return segment
    return inputs.get(field[1]) or f"{logical}{hashlib.sha256(f'{token} {logical}'.encode()).hexdigest()[:8]}"


def _guessed_path(token: str) -> str:
    module, kind = token.split(":")
    return f"Microsoft.{module.capitalize()}/{kind[0].lower()}{kind[1:]}s/{{name}}"


def _guid(*parts: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(parts)))

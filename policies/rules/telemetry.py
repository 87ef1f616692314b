"""logs and traces: written and read by identities, in one workspace"""

from collections.abc import Iterator

from policies.naming import KINDS, refers
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule, alone, is_on

SETTING = "monitor:DiagnosticSetting"
LOGGING = (
    "servicebus:Namespace",
    "cosmosdb:DatabaseAccount",
    "keyvault:Vault",
    "storage:BlobServiceProperties",
    "operationalinsights:Workspace",
    "cognitiveservices:Account",
    "network:VirtualNetwork",
    "network:NetworkSecurityGroup",
    "web:WebApp",
)


def _sends_logs(resource: Resource, stack: Stack) -> Iterator[str]:
    settings = [each for each in stack.of_type(SETTING) if refers(each, "resourceUri", resource, stack)]
    if not any(_logs(each) for each in settings):
        yield "no diagnostic setting sends its logs to a workspace"


def _logs(setting: Resource) -> bool:
    return "workspaceId" in set(setting.inputs) and any(each.get("enabled") for each in setting.objects("logs"))


def _id(type_: str) -> str:
    return "/subscriptions/s" + "".join(f"/{kind}/mine" for kind in KINDS[type_].kinds)


def _named(type_: str) -> Resource:
    return Resource(type_, "mine", dict.fromkeys(KINDS[type_].names, "mine"), {"name": "mine"})


def _setting(of: str, *, enabled: bool = True, **more: str) -> Resource:
    to = more or {"workspaceId": "/workspaces/logs"}
    logs = [{"categoryGroup": "allLogs", "enabled": enabled}]
    return Resource(SETTING, "logs", {"resourceUri": of, "logs": logs, **to})


def _with(*resources: Resource) -> Stack:
    return Stack(resources, EXAMPLE_DAY)


INSIGHTS_NO_KEYS = Rule(
    id="insights-no-keys",
    title="Application Insights takes identities only",
    why="With the instrumentation key, which stands in every app's settings, anyone could forge telemetry.",
    remedy="Set disable_local_auth=True on the component; grant Monitoring Metrics Publisher instead.",
    severity="medium",
    sources=("Azure.AppInsights.LocalAuth (AZR-000484)", "Azure Policy 199d5677-e4d9-4264-9465-efe1839c06bd"),
    about=("applicationinsights:Component",),
    check=is_on("disableLocalAuth"),
    passes=alone("applicationinsights:Component", {"disableLocalAuth": True}),
    fails=alone("applicationinsights:Component", {"disableLocalAuth": False}, {}),
)

INSIGHTS_IN_WORKSPACE = Rule(
    id="insights-in-workspace",
    title="Traces are kept in a workspace",
    why="Classic components are retired, and nothing else sets how long traces are kept and what they may cost.",
    remedy="Set workspace_resource_id on the component.",
    severity="medium",
    sources=("Azure.AppInsights.Workspace (AZR-000069)", "Azure Policy d550e854-df1a-4de9-bf44-cd894b39a95e"),
    about=("applicationinsights:Component",),
    # Only whether it is there: a workspace that is yet to be created has no id to read.
    check=lambda component, _: [] if "workspaceResourceId" in set(component.inputs) else ["no workspaceResourceId"],
    passes=alone("applicationinsights:Component", {"workspaceResourceId": "/subscriptions/example/workspaces/logs"}),
    fails=alone("applicationinsights:Component", {}),
)

WORKSPACE_NO_KEYS = Rule(
    id="workspace-no-keys",
    title="The workspace takes identities only",
    why="A workspace key writes any log line under any name.",
    remedy="Set features=WorkspaceFeaturesArgs(disable_local_auth=True) on the workspace.",
    severity="medium",
    sources=("Azure Policy e15effd4-2278-4c65-a0da-4d6f6d1890e2",),
    about=("operationalinsights:Workspace",),
    check=is_on("features.disableLocalAuth"),
    passes=alone("operationalinsights:Workspace", {"features": {"disableLocalAuth": True}}),
    fails=alone("operationalinsights:Workspace", {"features": {"disableLocalAuth": False}}, {}),
)

LOGS = Rule(
    id="logs-in-workspace",
    title="What keeps logs sends them to the workspace",
    why="Who read a secret, changed a role or published code is asked months later; without a setting nobody kept it.",
    remedy="Name the resource in infra/diagnostics.py.",
    severity="medium",
    scope="stack",
    sources=(
        "Azure.ServiceBus.AuditLogs (AZR-000358)",
        "Azure.KeyVault.Logs (AZR-000119)",
        "Azure Policy 187242f4-89c6-4c43-9a4e-188c0efacc5f",
        "Azure Policy cf820ca0-f99e-4f3e-84fb-66e913812d21",
        "Azure Policy f8d36e2f-389b-4ee4-898d-21aeb69a0f45",
        "Azure Policy 1b4d1c4e-934c-4703-944c-27c82c06bebb",
    ),
    about=LOGGING,
    check=_sends_logs,
    passes=tuple(_with(_named(type_), _setting(_id(type_))) for type_ in LOGGING),
    fails=(
        *(_with(_named(type_), _setting("/namespaces/another")) for type_ in LOGGING),
        _with(_named(LOGGING[-1]), _setting(_id(LOGGING[-1]), enabled=False)),
        _with(_named(LOGGING[-1]), _setting(_id(LOGGING[-1]), storageAccountId="/storageAccounts/cheap")),
    ),
)

RULES = (INSIGHTS_NO_KEYS, INSIGHTS_IN_WORKSPACE, WORKSPACE_NO_KEYS, LOGS)

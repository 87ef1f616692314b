"""logs and traces: written and read by identities, in one workspace"""

from policies.rule import Rule, alone, is_on

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

RULES = (INSIGHTS_NO_KEYS, INSIGHTS_IN_WORKSPACE, WORKSPACE_NO_KEYS)

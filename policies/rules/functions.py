"""the function apps: encrypted, signed in as themselves, no passwords, no back doors"""

from collections.abc import Iterable, Iterator
from typing import Any

from policies.resources import Resource, Stack, Unknown, app_settings
from policies.rule import EXAMPLE_DAY, Rule, alone, is_off, is_on, requires

APP = "web:WebApp"
LEGACY = frozenset({
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
})  # fmt: skip
REFUSED = frozenset({
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
})  # fmt: skip
"""Properties of a site that are an error 51021 on Flex Consumption, in some regions already."""


def _tls(app: Resource, stack: Stack) -> Iterator[str]:
    """Of the app, and of the site that its code is published to."""
    for path in ("siteConfig.minTlsVersion", "siteConfig.scmMinTlsVersion"):
        yield from requires(path, "1.2", "1.3")(app, stack)


def _identity(app: Resource, _: Stack) -> Iterator[str]:
    kind = app.get("identity.type")
    if "userassigned" not in str(kind or "").replace("_", "").casefold():
        yield f"identity.type is {kind or 'not set'}, not UserAssigned"
    if "keyVaultReferenceIdentity" not in set(app.inputs):
        yield "keyVaultReferenceIdentity is not set, so references into the vault do not resolve"


def _deploys_as_itself(app: Resource, stack: Stack) -> Iterable[str]:
    path = "functionAppConfig.deployment.storage.authentication.type"
    return requires(path, "UserAssignedIdentity", "SystemAssignedIdentity")(app, stack)


def _no_wildcard(app: Resource, _: Stack) -> Iterator[str]:
    if "*" in app.sequence("siteConfig.cors.allowedOrigins"):
        yield "siteConfig.cors.allowedOrigins contains *"


def _no_legacy(app: Resource, _: Stack) -> Iterator[str]:
    if found := sorted(LEGACY & app_settings(app).keys()):
        yield f"siteConfig.appSettings has {', '.join(found)}"
    if refused := sorted(REFUSED & app.mapping("siteConfig").keys()):
        yield f"siteConfig has {', '.join(refused)}"


def _no_passwords(app: Resource, stack: Stack) -> Iterator[str]:
    for type_ in ("web:WebAppScmAllowed", "web:WebAppFtpAllowed"):
        if not any(is_of(policy, app) for policy in stack.of_type(type_)):
            yield f"no {type_} switches its publishing password off"


def is_of(policy: Resource, app: Resource) -> bool:
    """By the app's name; while that is not known, by where the name comes from."""
    try:
        return policy.get("name") in [name for name in (app.outputs.get("name"), app.get("name")) if name]
    except Unknown:
        return app.urn in policy.comes_from.get("name", ())


def _app_with(*policies: str, of: str = "app-1") -> Stack:
    app = Resource(APP, "inference", {}, {"name": "app-1"}, urn="urn:app")
    return Stack((app, *(Resource(type_, type_, {"name": of, "allow": False}) for type_ in policies)), EXAMPLE_DAY)


def _reading_code_by(type_: str) -> dict[str, Any]:
    return {"functionAppConfig": {"deployment": {"storage": {"authentication": {"type": type_}}}}}


def _with_setting(name: str, value: str) -> dict[str, Any]:
    return {"siteConfig": {"appSettings": [{"name": name, "value": value}]}}


HTTPS = Rule(
    id="functions-https",
    title="Apps are reached over HTTPS only",
    why="Over plain HTTP, events and tokens can be read on the way.",
    remedy="Set https_only=True on the app.",
    severity="high",
    sources=(
        "CKV_AZURE_14",
        "CKV_AZURE_70",
        "Azure.AppService.UseHTTPS (AZR-000084)",
        "Azure Policy 6d555dd1-86f2-4f1c-8ed7-5abae7c6cbab",
    ),
    about=(APP,),
    check=is_on("httpsOnly"),
    passes=alone(APP, {"httpsOnly": True}),
    fails=alone(APP, {"httpsOnly": False}, {}),
)

TLS = Rule(
    id="functions-tls",
    title="Apps speak TLS 1.2 or newer",
    why="Older versions have known attacks.",
    remedy='Set min_tls_version="1.2" and scm_min_tls_version="1.2" in site_config.',
    severity="high",
    sources=(
        "CKV_AZURE_15",
        "CKV_AZURE_145",
        "Azure.AppService.MinTLS (AZR-000073)",
        "Azure Policy f9d614c5-c173-4d56-95a7-b4437057d193",
    ),
    about=(APP,),
    check=_tls,
    passes=alone(APP, {"siteConfig": {"minTlsVersion": "1.2", "scmMinTlsVersion": "1.2"}}),
    fails=alone(
        APP,
        {"siteConfig": {"minTlsVersion": "1.0", "scmMinTlsVersion": "1.2"}},
        {"siteConfig": {"minTlsVersion": "1.2"}},
        {},
    ),
)

NO_DEBUGGER = Rule(
    id="functions-no-remote-debugging",
    title="Nobody attaches a debugger",
    why="A debugger reads every event and every token in memory.",
    remedy="Set remote_debugging_enabled=False in site_config.",
    severity="medium",
    sources=(
        "CKV_AZURE_72",
        "Azure.AppService.RemoteDebug (AZR-000074)",
        "Azure Policy 0e60b895-3786-45da-8377-9c6b4b6ac5f9",
    ),
    about=(APP,),
    check=is_off("siteConfig.remoteDebuggingEnabled"),
    passes=alone(APP, {"siteConfig": {"remoteDebuggingEnabled": False}}),
    fails=alone(APP, {"siteConfig": {"remoteDebuggingEnabled": True}}, {}),
)

NO_WILDCARD = Rule(
    id="functions-no-cors-wildcard",
    title="Not every web page may call an app",
    why="With *, any page that a signed-in operator visits can send requests in their name.",
    remedy="Name the origins in site_config.cors.allowed_origins, or leave cors out.",
    severity="high",
    sources=("CKV_AZURE_57", "CKV_AZURE_62", "Azure Policy 0820b7b9-23aa-4725-a1ce-ae4558f718e5"),
    about=(APP,),
    check=_no_wildcard,
    passes=alone(APP, {}, {"siteConfig": {"cors": {"allowedOrigins": ["https://ops.example.com"]}}}),
    fails=alone(APP, {"siteConfig": {"cors": {"allowedOrigins": ["https://ops.example.com", "*"]}}}),
)

IDENTITY = Rule(
    id="functions-identity",
    title="Apps sign in as themselves",
    why="Without an identity of its own an app needs keys; a shared or system identity cannot be granted roles before "
    "the app exists.",
    remedy="Set identity to a user-assigned identity, and key_vault_reference_identity to the same.",
    severity="high",
    sources=(
        "CKV_AZURE_71",
        "Azure.AppService.ManagedIdentity (AZR-000082)",
        "Azure Policy 0da106f2-4ca3-48e8-bc85-c638fe6aea8f",
    ),
    about=(APP,),
    check=_identity,
    passes=alone(APP, {"identity": {"type": "UserAssigned"}, "keyVaultReferenceIdentity": "/identities/inference"}),
    fails=alone(APP, {}, {"identity": {"type": "SystemAssigned"}}, {"identity": {"type": "UserAssigned"}}),
)

DEPLOYS_AS_ITSELF = Rule(
    id="functions-code-without-keys",
    title="The platform reads an app's code with its identity",
    why="With a connection string, the account key would stand in the settings of every app.",
    remedy='Set function_app_config.deployment.storage.authentication.type="UserAssignedIdentity".',
    severity="high",
    about=(APP,),
    check=_deploys_as_itself,
    passes=alone(APP, _reading_code_by("UserAssignedIdentity")),
    fails=alone(APP, _reading_code_by("StorageAccountConnectionString"), {}),
)

NO_LEGACY = Rule(
    id="functions-no-legacy-settings",
    title="No settings that Flex Consumption refuses or misreads",
    why="Runtime and scale live in function_app_config; run-from-package and remote build break deployments.",
    remedy="Remove the settings; write site_config as SiteConfigArgsDict, for SiteConfigArgs adds netFrameworkVersion.",
    severity="medium",
    sources=("pulumi-azure-native#4168", "terraform-azurerm-avm-res-web-site#345"),
    about=(APP,),
    check=_no_legacy,
    passes=alone(APP, {}, _with_setting("ServiceBus__credential", "managedidentity")),
    fails=alone(
        APP,
        _with_setting("WEBSITE_RUN_FROM_PACKAGE", "1"),
        *({"siteConfig": {name: "any"}} for name in sorted(REFUSED)),
    ),
)

PUBLISHING_OFF = Rule(
    id="functions-publishing-off",
    title="A publishing-credentials policy allows nothing",
    why="Publishing passwords deploy code to an app past Entra, roles and conditional access.",
    remedy="Set allow=False.",
    severity="high",
    about=("web:WebAppScmAllowed", "web:WebAppFtpAllowed"),
    check=is_off("allow"),
    passes=alone("web:WebAppScmAllowed", {"allow": False}) + alone("web:WebAppFtpAllowed", {"allow": False}),
    fails=alone("web:WebAppScmAllowed", {"allow": True}, {}) + alone("web:WebAppFtpAllowed", {"allow": True}),
)

NO_PASSWORDS = Rule(
    id="functions-no-publishing-passwords",
    title="Every app has its publishing passwords switched off",
    why="They are on unless somebody switches them off, for SCM and FTP apart.",
    remedy="Declare WebAppScmAllowed and WebAppFtpAllowed with the app's name and allow=False.",
    severity="high",
    scope="stack",
    about=(APP,),
    check=_no_passwords,
    passes=(_app_with("web:WebAppScmAllowed", "web:WebAppFtpAllowed"),),
    fails=(
        _app_with(),
        _app_with("web:WebAppScmAllowed"),
        _app_with("web:WebAppScmAllowed", "web:WebAppFtpAllowed", of="another-app"),
    ),
)

ZONES = Rule(
    id="functions-zones",
    title="Apps survive the loss of a zone",
    why="Their instances would otherwise be started in one zone, and all stop with it.",
    remedy="Run `pulumi config set zoneRedundant true`.",
    severity="medium",
    dev="advisory",
    sources=("CKV_AZURE_225", "Azure.AppService.AvailabilityZone (AZR-000442)"),
    about=("web:AppServicePlan",),
    check=is_on("zoneRedundant"),
    passes=alone("web:AppServicePlan", {"zoneRedundant": True}),
    fails=alone("web:AppServicePlan", {"zoneRedundant": False}, {}),
)

RULES = (
    HTTPS, TLS, NO_DEBUGGER, NO_WILDCARD, IDENTITY, DEPLOYS_AS_ITSELF, NO_LEGACY, PUBLISHING_OFF, NO_PASSWORDS, ZONES,
)  # fmt: skip

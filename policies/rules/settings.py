"""the settings of the function apps: no secret among them, and a schedule for every timer"""

import re
from collections.abc import Iterator
from typing import Any

from policies.resources import Resource, Stack, app_settings
from policies.rule import EXAMPLE_DAY, Rule, alone
from services.kernel.topology import Timer, Topology

APP = "web:WebApp"
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(.+\)$")
NOT_SECRET = re.compile(r"InstrumentationKey=[^;]+;IngestionEndpoint=")
"""The connection string of Application Insights is an address: its key opens nothing once local auth is off."""
LOOKS_SECRET = {
    "a connection string": re.compile(r"(AccountKey|SharedAccessKey(Name)?|Password|Pwd)\s*=", re.IGNORECASE),
    "a shared access signature": re.compile(r"SharedAccessSignature\b|[?&]sig=", re.IGNORECASE),
    "a key of a model provider": re.compile(r"\bsk-[\w-]{16,}"),
    "credentials in an address": re.compile(r"://[^/\s:@]+:[^/\s@]+@"),
    "an account key": re.compile(r"^([A-Za-z0-9+/]{86}==|[A-Za-z0-9]{32}|[A-Za-z0-9]{84})$"),
}
NAMED_SECRET = re.compile(r"(^|[a-z0-9_])(key|secret|password|pwd|token|sas|connectionstring)$", re.IGNORECASE)
SECRET_PREFIX = "Secret_"  # noqa: S105  # what infra/settings.py calls a setting that holds a reference
SCHEDULE = re.compile(r"\S+( \S+){5}")
"""NCRONTAB with seconds; infra checks each field, this only that a timer will find something to read."""


def _no_secret(app: Resource, _: Stack) -> Iterator[str]:
    """Name the setting, never its value."""
    if "siteConfig" in app.secrets:
        yield "siteConfig holds a value that the program declared secret; a setting may only refer to it"
    for name, value in app_settings(app).items():
        if value is not None and (kind := _secret_kind(name, str(value))):
            yield f"app setting {name} looks like {kind}, not a Key Vault reference"
    if app.get("siteConfig.connectionStrings"):
        yield "siteConfig.connectionStrings is not empty"


def _secret_kind(name: str, value: str) -> str:
    if REFERENCE.fullmatch(value) or NOT_SECRET.match(value):
        return ""
    for kind, pattern in LOOKS_SECRET.items():
        if pattern.search(value):
            return kind
    named = name.startswith(SECRET_PREFIX) or NAMED_SECRET.search(name.replace("_STRING", "STRING"))
    return "a secret by its name" if named and value else ""


def _timers_have_schedules(app: Resource, stack: Stack) -> Iterator[str]:
    pattern, settings = stack.pattern_of(app), app_settings(app)
    for timer in pattern.timers if pattern else ():
        name = f"Schedule_{timer.function}"
        if name not in settings:
            yield f"app setting {name} is missing, and the host does not load the function without it"
        elif settings[name] is not None and not SCHEDULE.fullmatch(str(settings[name])):
            yield f"app setting {name} is {settings[name]!r}, not six fields"


def _with_settings(**settings: str) -> dict[str, Any]:
    return {"siteConfig": {"appSettings": [{"name": name, "value": value} for name, value in settings.items()]}}


def _with_timer(**settings: str) -> Stack:
    pattern = Topology(name="inference", timers=(Timer("sweep_outbox", "0 * * * * *"),))
    return Stack((Resource(APP, "inference", _with_settings(**settings)),), EXAMPLE_DAY, (pattern,))


NO_SECRET = Rule(
    id="settings-no-secret",
    title="No secret stands in an app's settings",
    why="Settings are readable in the portal, in the state file and in every export; a vault has roles and a log.",
    remedy="Put the value into Key Vault and set @Microsoft.KeyVault(VaultName=...;SecretName=...) in its place.",
    severity="critical",
    about=(APP,),
    check=_no_secret,
    passes=alone(
        APP,
        _with_settings(
            Model__key="@Microsoft.KeyVault(VaultName=vault;SecretName=model-key)",
            Budget__softTokensPerDay="200000",
            ServiceBus__fullyQualifiedNamespace="example.servicebus.windows.net",
            ServiceBus__clientId="1ed1c254-89e2-54df-9c6b-1ac391f3282a",
            APPLICATIONINSIGHTS_CONNECTION_STRING="InstrumentationKey=1ed1c254;IngestionEndpoint=https://in.example.com/",
        ),
    ),
    fails=(
        Stack((Resource(APP, "app", _with_settings(A="b"), secrets=frozenset({"siteConfig"})),), EXAMPLE_DAY),
        *alone(
            APP,
            _with_settings(ServiceBus="Endpoint=sb://example/;SharedAccessKeyName=Root;SharedAccessKey=bWFkZSB1cA=="),
            _with_settings(Storage="DefaultEndpointsProtocol=https;AccountName=example;AccountKey=bWFkZSB1cA=="),
            _with_settings(Package="https://example.blob.core.windows.net/code/app.zip?se=2030-01-01&sig=bWFkZSB1cA"),
            _with_settings(Upstream="sk-made-up-made-up-made-up"),
            _with_settings(Webhook="https://robot:made-up@example.com/hook"),
            _with_settings(
                Cosmos="bWFkZSB1cCBtYWRlIHVwIG1hZGUgdXAgbWFkZSB1cCBtYWRlIHVwIG1hZGUgdXAgbWFkZSB1cCBtYWRlIHU+Pw=="
            ),
            _with_settings(Model__key="made-up"),
            _with_settings(Secret_slack="made-up"),  # noqa: S106  # made up
            {"siteConfig": {"connectionStrings": [{"name": "Sql", "connectionString": "made-up"}]}},
        ),
    ),
)

SCHEDULES = Rule(
    id="timers-have-schedules",
    title="Every timer has its schedule",
    why="A timer without one does not start: nobody would publish what a crash left in an outbox, and nothing fails.",
    remedy="Set Schedule_<function> to six NCRONTAB fields, or declare the timer in the pattern's topology.",
    severity="high",
    scope="stack",
    about=(APP,),
    check=_timers_have_schedules,
    passes=(_with_timer(Schedule_sweep_outbox="0 * * * * *"),),
    fails=(_with_timer(), _with_timer(Schedule_sweep_outbox="* * *"), _with_timer(Schedule_sweep_outbox="")),
)

RULES = (NO_SECRET, SCHEDULES)

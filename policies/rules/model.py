"""who answers: reached with an identity, pinned, and not about to be switched off"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from policies.resources import Resource, Stack, app_settings
from policies.retirements import FILE, Provider, schedule
from policies.rule import Rule, alone, is_on, requires

ACCOUNT, DEPLOYMENT, APP = "cognitiveservices:Account", "cognitiveservices:Deployment", "web:WebApp"
NOTICE = timedelta(days=60)
"""Time to try another model on recorded decisions, and to roll it out."""
TIERS = ("small", "large", "economy")


def _is_pinned(deployment: Resource, stack: Stack) -> Iterator[str]:
    if not deployment.get("properties.model.version"):
        yield "properties.model.version is not set"
    yield from requires("properties.versionUpgradeOption", "NoAutoUpgrade")(deployment, stack)


def _stays(resource: Resource, stack: Stack) -> Iterator[str]:
    for provider, model, version in _answering(resource):
        known = schedule(provider)
        line = known.of(model, version)
        name = f"{model} {version}".strip()
        if line is None and known.complete:
            yield f"{name} is not in {FILE.name}, so nobody here knows when it retires"
        elif line is not None and stack.today > line.retires - NOTICE:
            advice = f"; its replacement is {line.replacement}" if line.replacement else ""
            yield f"{name} {_when(line.retires, stack.today)}{advice}"


def _answering(resource: Resource) -> Iterator[tuple[Provider, str, str]]:
    """Each model with its version: deployments on Azure, settings with OpenAI's own endpoint."""
    if resource.type == DEPLOYMENT:
        yield "azure", str(resource.get("properties.model.name")), str(resource.get("properties.model.version") or "")
        return
    settings = app_settings(resource)
    if settings.get("Model__provider") == "openai" and not settings.get("Model__endpoint"):
        for tier in TIERS:
            if model := settings.get(f"Model__{tier}"):
                yield "openai", str(model), ""


def _when(retires: date, today: date) -> str:
    days = (retires - today).days
    return f"retired on {retires}" if days <= 0 else f"retires on {retires}, in {days} days"


def _deployed(model: str, version: str, upgrade: str = "NoAutoUpgrade") -> dict[str, Any]:
    return {"properties": {"model": {"name": model, "version": version}, "versionUpgradeOption": upgrade}}


def _asks_openai(model: str, endpoint: str = "") -> dict[str, Any]:
    settings = {"Model__provider": "openai", "Model__endpoint": endpoint, "Model__small": model}
    return {"siteConfig": {"appSettings": [{"name": name, "value": value} for name, value in settings.items()]}}


NO_KEYS = Rule(
    id="model-no-keys",
    title="The model account takes identities only",
    why="Who has a key spends the quota, and nobody can tell who it was.",
    remedy="Set properties.disable_local_auth=True on the account; grant Cognitive Services OpenAI User instead.",
    severity="high",
    sources=(
        "CKV_AZURE_236",
        "Azure.AI.DisableLocalAuth (AZR-000282)",
        "Azure Policy 71ef260a-8f18-47b7-abcb-62d0673d94dc",
    ),
    about=(ACCOUNT,),
    check=is_on("properties.disableLocalAuth"),
    passes=alone(ACCOUNT, {"properties": {"disableLocalAuth": True}}),
    fails=alone(ACCOUNT, {"properties": {"disableLocalAuth": False}}, {"properties": {}}),
)

PINNED = Rule(
    id="model-pinned",
    title="A deployment stays at the version it was tried with",
    why="Another version answers differently; the ledger and the prompts' evaluations speak of this one.",
    remedy="Set model:<tier>.version in the stack's configuration, and version_upgrade_option to NoAutoUpgrade.",
    severity="medium",
    about=(DEPLOYMENT,),
    check=_is_pinned,
    passes=alone(DEPLOYMENT, _deployed("gpt-5.4", "2026-03-05")),
    fails=alone(
        DEPLOYMENT, _deployed("gpt-5.4", ""), _deployed("gpt-5.4", "2026-03-05", "OnceNewDefaultVersionAvailable")
    ),
)

STAYS = Rule(
    id="model-not-retiring",
    title="No model is about to be switched off",
    why="A retired model answers 404: rules answer where they suffice, and every other event waits or is parked.",
    remedy="Set model:<tier> to a model that stays; for a new one add its date and the day you read it to "
    "policies/retirements.yaml.",
    severity="high",
    sources=("Azure Policy aafe3651-cb78-4f68-9f81-e7e41509110f", "ours"),
    scope="stack",
    dated=True,
    about=(DEPLOYMENT, APP),
    check=_stays,
    passes=alone(DEPLOYMENT, _deployed("gpt-5.4-mini", "2026-03-17"))
    + alone(
        APP, _asks_openai("gpt-5.1"), _asks_openai("gpt-6-luna"), _asks_openai("gpt-4o", "https://gateway.example/")
    ),
    fails=alone(
        DEPLOYMENT,
        _deployed("gpt-4o", "2024-11-20"),
        _deployed("gpt-5.2", "2025-12-11"),
        _deployed("made-up", "1"),
    )
    + alone(APP, _asks_openai("gpt-5-mini")),
)

RULES = (NO_KEYS, PINNED, STAYS)

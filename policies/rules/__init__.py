"""Every rule of the pack, in the order of the page and of the table."""

from policies.rule import Rule
from policies.rules import (
    alerts,
    code,
    cosmos,
    data,
    doors,
    functions,
    identity,
    key_vault,
    model,
    network,
    service_bus,
    settings,
    storage,
    subscriptions,
    telemetry,
    timing,
    waivers,
)

SUBJECTS = (
    service_bus, subscriptions, doors, timing, cosmos, storage, key_vault, functions, code, settings, identity, model,
    network, telemetry, alerts, data, waivers,
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(rule for subject in SUBJECTS for rule in subject.RULES)

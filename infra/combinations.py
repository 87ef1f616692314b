"""a configuration whose values are each possible -> those that are not possible together, and the ways out"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from infra.config import Config
from infra.regions import ZONES_NEARBY

SHORTEST_WINDOW = 20
"""Seconds; Azure's minimum for duplicate detection."""

IN_ONE_ZONE = {"Standard_LRS": "Standard_ZRS", "Standard_GRS": "Standard_GZRS"}
"""Replication that a zone can take down, and the one that is alike and survives it."""


@dataclass(frozen=True)
class Combination:
    """Values of `parts` that exclude each other; `key` is the one to mend first, `problem` says how, or nothing."""

    key: str
    parts: frozenset[str]
    problem: Callable[[Config], str | None]


def impossible(config: Config, besides: Collection[str] = ()) -> dict[str, str]:
    """Key -> what is wrong. `besides` are the parts of the configuration that are wrong by themselves."""
    judged = (each for each in COMBINATIONS if each.parts.isdisjoint(besides))
    return {each.key: problem for each in judged if (problem := each.problem(config))}


def _private_needs_premium(config: Config) -> str | None:
    if config.network.mode == "private" and config.messaging.sku == "Standard":
        return (
            "'Standard' has no private endpoints, and network:mode is private; "
            "set messaging:sku Premium, or network:mode public"
        )
    return None


def _units_need_premium(config: Config) -> str | None:
    if config.messaging.units > 1 and config.messaging.sku == "Standard":
        return (
            f"{config.messaging.units} is not possible; messaging:sku Standard has no units: set Premium, or remove it"
        )
    return None


def _azure_remembers_longer(config: Config) -> str | None:
    """Only the emulator, which a model on this machine gives away, forgets message ids that soon."""
    window = config.messaging.duplicate_window_seconds
    if window < SHORTEST_WINDOW and "//127.0.0.1" not in config.model.endpoint:
        return f"{window} is not possible; Azure takes {SHORTEST_WINDOW} seconds and more"
    return None


def _zones_are_offered(config: Config) -> str | None:
    if config.zone_redundant and (near := ZONES_NEARBY.get(config.location)):
        return (
            f"'{config.location}' has no availability zones, and zoneRedundant is true; "
            f"did you mean {near}? Or set zoneRedundant false"
        )
    return None


def _zones_need_storage(config: Config) -> str | None:
    """A zone-redundant plan is refused over storage that lives in one zone (Azure Functions, "Reliability")."""
    if config.zone_redundant and (alike := IN_ONE_ZONE.get(config.storage.sku)):
        return (
            f"'{config.storage.sku}' is in one zone, and zoneRedundant is true; "
            f"set storage:sku {alike}, or zoneRedundant false"
        )
    return None


def _serverless_has_no_limit(config: Config) -> str | None:
    limit = config.documents.request_units
    if config.documents.capacity == "serverless" and limit is not None:
        return (
            f"{limit} is not possible; serverless has no limit to set: set documents:capacity autoscale, or remove it"
        )
    if config.documents.capacity == "autoscale" and limit is None:
        return "not set, and documents:capacity autoscale needs it; a thousand is the smallest"
    return None


def _only_private_has_callers(config: Config) -> str | None:
    if config.network.mode == "public" and config.network.callers:
        return "not used by network:mode public, where sign-in alone decides; set network:mode private, or remove it"
    return None


def _private_says_who_deploys(config: Config) -> str | None:
    if config.network.mode == "private" and config.network.deploy_from is None:
        return (
            "not set, and in network:mode private code can only be published from inside the virtual network, or from "
            "addresses named here; set [] if you deploy from inside (docs/network.md)"
        )
    if config.network.mode == "public" and config.network.deploy_from is not None:
        return "not used by network:mode public, where sign-in alone decides; set network:mode private, or remove it"
    return None


def _budget_has_a_start(config: Config) -> str | None:
    if config.cost.monthly_budget is not None and config.cost.budget_start is None:
        return "not set, and cost:monthlyBudget needs it; the first day of a month, like 2026-12-01"
    return None


def _budget_has_an_amount(config: Config) -> str | None:
    if config.cost.budget_start is not None and config.cost.monthly_budget is None:
        return "not set, and cost:budgetStart is; set the amount, or remove both"
    return None


def _key(key: str, problem: Callable[[Config], str | None], *parts: str) -> Combination:
    return Combination(key, frozenset(parts), problem)


COMBINATIONS = (
    _key("messaging:sku", _private_needs_premium, "network", "messaging"),
    _key("messaging:units", _units_need_premium, "messaging"),
    _key("messaging:duplicateWindowSeconds", _azure_remembers_longer, "messaging", "model"),
    _key("azure-native:location", _zones_are_offered, "location", "zone_redundant"),
    _key("storage:sku", _zones_need_storage, "storage", "zone_redundant"),
    _key("documents:requestUnits", _serverless_has_no_limit, "documents"),
    _key("network:callers", _only_private_has_callers, "network"),
    _key("network:deployFrom", _private_says_who_deploys, "network"),
    _key("cost:budgetStart", _budget_has_a_start, "cost"),
    _key("cost:monthlyBudget", _budget_has_an_amount, "cost"),
)

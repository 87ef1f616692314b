"""a stack, the rules, the waivers -> one finding for each rule and each resource that it is about"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from policies.resources import Resource, Stack, Unknown
from policies.rule import Level, Rule, Tier
from policies.rules import RULES
from policies.waivers import Waiver, Waivers, read_waivers
from services.registry import PATTERNS

SERVICES = Path(__file__).parent.parent / "services"
Result = Literal["pass", "fail", "waived", "unknown"]


@dataclass(frozen=True)
class Finding:
    """What a rule says about a resource. `problems` tell why it fails, is waived, or cannot be judged yet."""

    rule: Rule
    resource: Resource
    level: Level
    result: Result
    problems: tuple[str, ...] = ()
    waiver: Waiver | None = None
    unknown: Unknown | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing may be deployed because of it."""
        return self.result == "fail" and self.level == "mandatory"


def own_waivers() -> Waivers:
    """What policies/waivers.yaml exempts.

    Raises:
        policies.waivers.WaiverError: if the file is not usable.
    """
    return read_waivers(rule.id for rule in RULES)


def in_context(resources: Iterable[Resource], waivers: Waivers, today: date) -> Stack:
    """Put resources together with what else the rules compare them with: patterns, their hosts, waivers, the day."""
    hosts = {pattern.name: _host_json(pattern.name) for pattern in PATTERNS}
    return Stack((*resources, *waivers.as_resources()), today, PATTERNS, hosts)


def judge(stack: Stack, *, tier: Tier, waivers: Waivers, rules: Iterable[Rule] = RULES) -> tuple[Finding, ...]:
    """Run every rule over every resource that it is about, in the order of the rules and then of the resources."""
    return tuple(
        judge_one(rule, resource, stack, tier, waivers) for rule in rules for resource in stack.of_type(*rule.about)
    )


def judge_one(rule: Rule, resource: Resource, stack: Stack, tier: Tier, waivers: Waivers) -> Finding:
    """Run one rule over one resource. What is known to be wrong counts, even if something else is not known yet."""
    level = rule.level(tier)
    problems: list[str] = []
    unknown: Unknown | None = None
    try:
        problems.extend(rule.check(resource, stack))
    except Unknown as error:
        unknown = error
    if problems and (waiver := waivers.covering(rule.id, resource.name, stack.today)):
        return Finding(rule, resource, level, "waived", tuple(problems), waiver)
    if problems:
        return Finding(rule, resource, level, "fail", tuple(problems))
    if unknown:
        return Finding(rule, resource, level, "unknown", (unknown.message,), unknown=unknown)
    return Finding(rule, resource, level, "pass")


@cache
def _host_json(pattern: str) -> dict[str, Any]:
    file = SERVICES / pattern / "host.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}

"""the rules -> policies as the Pulumi engine runs them: before each resource, and over the whole stack at the end

The engine shows a policy for the stack only outputs, and during a preview Azure's are unknown. So each resource's
inputs are kept when it comes by alone, and the stack is judged by these.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.judge import in_context, judge
from policies.resources import Resource, Stack
from policies.rule import Rule, Tier
from policies.rules import RULES
from policies.waivers import Waivers

NAME = "event-driven-ai"
PACKAGE = "azure-native:"
TODAY = PolicyConfigSchema(
    {"today": {"type": "string", "format": "date", "description": "The day to judge by; that of the run by default"}}
)
Context = Callable[[Iterable[Resource], Waivers, date], Stack]


def policies(tier: Tier, waivers: Waivers, context: Context = in_context) -> list[Policy]:
    """All rules as policies, enforced as the tier says; `context` adds what resources are compared with."""
    pack = _Pack(tier, waivers, context)
    return [pack.policy(rule) for rule in RULES]


class _Pack:
    """What the policies of one run share: the inputs that came by."""

    def __init__(self, tier: Tier, waivers: Waivers, context: Context) -> None:
        self._tier: Tier = tier
        self._waivers, self._context = waivers, context
        self._inputs: dict[str, Mapping[str, Any]] = {}

    def policy(self, rule: Rule) -> Policy:
        about: dict[str, Any] = {
            "name": rule.id,
            "description": f"{rule.title}. {rule.why}",
            "display_name": rule.title,
            "enforcement_level": EnforcementLevel(rule.level(self._tier)),
            "severity": Severity(rule.severity),
            "remediation_steps": rule.remedy,
            "tags": list(rule.sources),
            "config_schema": TODAY if rule.dated else None,
        }
        if rule.scope == "resource":
            return ResourceValidationPolicy(validate=lambda args, report: self._alone(rule, args, report), **about)
        return StackValidationPolicy(validate=lambda args, report: self._together(rule, args, report), **about)

    def _alone(self, rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
        self._inputs[args.urn] = args.props
        type_ = args.resource_type.removeprefix(PACKAGE)
        if type_ in rule.about:
            resource = Resource(type_, args.name, args.props, urn=args.urn, protect=args.opts.protect)
            self._tell(rule, Stack((resource,), _today(args.get_config())), report)

    def _together(self, rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
        stack = self._context(map(self._resource, args.resources), self._waivers, _today(args.get_config()))
        self._tell(rule, stack, report)

    def _resource(self, declared: PolicyResource) -> Resource:
        return Resource(
            type=declared.resource_type.removeprefix(PACKAGE),
            name=declared.name,
            inputs=self._inputs.get(declared.urn, declared.props),
            outputs=declared.props,
            urn=declared.urn,
            comes_from={
                key: tuple(each.urn for each in sources) for key, sources in declared.property_dependencies.items()
            },
            protect=declared.opts.protect,
        )

    def _tell(self, rule: Rule, stack: Stack, report: ReportViolation) -> None:
        """Report every problem; then let the engine say, once, that something was not known yet."""
        findings = judge(stack, tier=self._tier, waivers=self._waivers, rules=[rule])
        for finding in findings:
            for problem in finding.problems if finding.result == "fail" else ():
                report(f"{finding.resource.name}: {problem}. {rule.remedy}", finding.resource.urn or None)
        for finding in findings:
            if finding.unknown:
                raise finding.unknown


def _today(config: Mapping[str, Any]) -> date:
    given = config.get("today")
    try:
        return date.fromisoformat(given) if given else datetime.now(UTC).date()
    except ValueError:
        raise ValueError(f"the pack's configuration says today is {given!r}; write it like 2026-11-22") from None

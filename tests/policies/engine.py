"""a stack -> the calls that the Pulumi engine makes of a pack: each resource alone, then all together"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from policies.pack import PACKAGE, policies
from policies.resources import Resource, Stack
from policies.rule import Tier
from policies.waivers import Waivers


def said(stack: Stack, tier: Tier = "dev", waivers: Waivers | None = None) -> list[tuple[str, str]]:
    """What the pack reports: (policy, message). What it could not run yet is reported as the engine would."""
    pack = policies(tier, waivers or Waivers(), lambda found, _waivers, _today: replace(stack, resources=tuple(found)))
    declared = [_declared(each) for each in stack.resources]
    config = {"today": stack.today.isoformat()}
    reports: list[tuple[str, str]] = []
    for resource, seen in zip(stack.resources, declared, strict=True):
        for policy in pack:
            if isinstance(policy, ResourceValidationPolicy):
                args = ResourceValidationArgs(
                    seen.resource_type,
                    unknown_checking_proxy(dict(resource.inputs)),
                    seen.urn,
                    seen.name,
                    seen.opts,
                    provider=None,
                    config=config,
                )
                reports.extend(_run(policy, args))
    _connect(stack, declared)
    for policy in pack:
        if isinstance(policy, StackValidationPolicy):
            reports.extend(_run(policy, StackValidationArgs(declared, config)))
    return reports


def _run(policy: Any, args: Any) -> Iterator[tuple[str, str]]:
    reports: list[tuple[str, str]] = []
    try:
        policy.validate(args, lambda message, _urn=None: reports.append((policy.name, message)))
    except UnknownValueError as unknown:
        reports.append((policy.name, f"can't run: {unknown.message}"))
    yield from reports


def _declared(resource: Resource) -> PolicyResource:
    options = PolicyResourceOptions(resource.protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
    outputs: Mapping[str, Any] = unknown_checking_proxy(dict(resource.outputs))
    urn = resource.urn or f"urn:{resource.type}:{resource.name}"
    return PolicyResource(f"{PACKAGE}{resource.type}", outputs, urn, resource.name, options, None, None, [], {})


def _connect(stack: Stack, declared: list[PolicyResource]) -> None:
    by_urn = {each.urn: each for each in declared}
    for resource, seen in zip(stack.resources, declared, strict=True):
        seen.property_dependencies = {
            key: [by_urn[urn] for urn in urns if urn in by_urn] for key, urns in resource.comes_from.items()
        }

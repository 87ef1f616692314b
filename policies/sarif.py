"""findings -> SARIF 2.1.0, the format that code scanning shows beside a pull request

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.27 (result), 3.35 (suppression) and 3.49
(reportingDescriptor). A resource has no line in a file: it is the logical location, and the stack's file the physical
one that GitHub asks for.
"""

from collections.abc import Sequence
from typing import Any

from policies.judge import Finding
from policies.rule import Rule, Severity
from policies.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
SCORES: dict[Severity, str] = {"low": "3.0", "medium": "5.0", "high": "8.0", "critical": "9.5"}
"""What GitHub sorts rules with the tag `security` by: over 9.0 is critical, from 7.0 high, from 4.0 medium."""


def sarif(stack: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """One run with every rule, every violation, and those that are waived as suppressed."""
    places = {rule.id: index for index, rule in enumerate(RULES)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "event-driven-ai policies", "rules": [_rule(rule) for rule in RULES]}},
                "results": [
                    _result(stack, finding, places[finding.rule.id])
                    for finding in findings
                    if finding.result in {"fail", "waived"}
                ],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy},
        "properties": {"tags": ["security", *rule.sources], "security-severity": SCORES[rule.severity]},
    }


def _result(stack: str, finding: Finding, index: int) -> dict[str, Any]:
    resource = finding.resource
    waived = {"kind": "external", "justification": finding.waiver.reason} if finding.waiver else None
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": "error" if finding.level == "mandatory" else "warning",
        "message": {"text": f"{resource.name}: {'; '.join(finding.problems)}. {finding.rule.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": f"Pulumi.{stack}.yaml"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {"name": resource.name, "fullyQualifiedName": resource.urn or resource.name, "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"ruleAndResource/v1": f"{finding.rule.id}/{resource.urn or resource.name}"},
        "suppressions": [waived] if waived else [],
    }

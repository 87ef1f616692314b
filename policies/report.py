"""findings -> a table for people, JSON for programs, SARIF for code scanning"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import typer

from policies.judge import Finding
from policies.rule import Tier
from policies.sarif import sarif


@dataclass(frozen=True)
class Report:
    """What was judged, how strictly, by which day, and what came of it."""

    stack: str
    tier: Tier
    today: date
    findings: Sequence[Finding]

    def counts(self) -> dict[str, int]:
        """How many findings there are of each result; failures apart by what they stop."""
        counted = Counter(finding.result for finding in self.findings)
        mandatory = sum(finding.stops for finding in self.findings)
        return {
            "rules": len({finding.rule.id for finding in self.findings}),
            "checks": len(self.findings),
            "mandatory": mandatory,
            "advisory": counted["fail"] - mandatory,
            "waived": counted["waived"],
            "passed": counted["pass"],
        }


def as_table(report: Report) -> None:
    """One row for each rule that holds everywhere, one for each failure; what to do stands below the problem."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("rule", "resource", "severity", "result", "problem and remedy", title=f"stack {report.stack}")
    for rule, group in groupby(report.findings, key=lambda finding: finding.rule):
        findings = list(group)
        good = [finding for finding in findings if finding.result == "pass"]
        if good:
            resource = good[0].resource.name if len(good) == 1 else f"{len(good)} resources"
            table.add_row(rule.id, Text(resource), rule.severity, "[green]pass[/]", "")
        for finding in (each for each in findings if each.result != "pass"):
            name, advice = Text(finding.resource.name), Text(_advice(finding))
            table.add_row(rule.id, name, rule.severity, _result(finding), advice)
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    console.print(_summary(report))


def as_json(report: Report) -> None:
    """Every finding, passed ones too."""
    typer.echo(
        json.dumps(
            {
                "stack": report.stack,
                "tier": report.tier,
                "today": report.today.isoformat(),
                "summary": report.counts(),
                "findings": [_plain(finding) for finding in report.findings],
            },
            indent=2,
        )
    )


def as_sarif(report: Report) -> None:
    """Failures and waived failures."""
    typer.echo(json.dumps(sarif(report.stack, report.findings), indent=2))


FORMATS: Mapping[str, Callable[[Report], None]] = {"table": as_table, "json": as_json, "sarif": as_sarif}


def _result(finding: Finding) -> str:
    if finding.stops:
        return "[red]FAIL[/]"
    return "[yellow]advice[/]" if finding.result == "fail" else f"[dim]{finding.result}[/]"


def _advice(finding: Finding) -> str:
    problems = "\n".join(finding.problems)
    if finding.waiver:
        return f"{problems}\nwaived until {finding.waiver.expires}: {finding.waiver.reason}"
    return f"{problems}\n{finding.rule.remedy}"


def _summary(report: Report) -> str:
    counts = report.counts()
    return (
        f"{report.stack} (tier {report.tier}): {counts['mandatory']} mandatory and {counts['advisory']} advisory "
        f"violations, {counts['waived']} waived; {counts['rules']} rules, {counts['checks']} checks"
    )


def _plain(finding: Finding) -> dict[str, object]:
    waiver = finding.waiver
    return {
        "rule": finding.rule.id,
        "title": finding.rule.title,
        "resource": finding.resource.name,
        "type": finding.resource.type,
        "urn": finding.resource.urn,
        "severity": finding.rule.severity,
        "level": finding.level,
        "result": finding.result,
        "problems": list(finding.problems),
        "remedy": finding.rule.remedy if finding.result == "fail" else "",
        "waiver": {"reason": waiver.reason, "expires": waiver.expires.isoformat()} if waiver else None,
    }

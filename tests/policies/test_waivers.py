"""an exception covers one rule for one resource until its last day, and must be usable"""

from datetime import date
from pathlib import Path

import pytest

from local.graph import Graph
from policies.from_graph import resources
from policies.judge import Finding, in_context, judge, own_waivers
from policies.rules import RULES
from policies.waivers import Waiver, WaiverError, Waivers, read_waivers
from tests.policies.conftest import TODAY
from tests.policies.engine import said

IDS = [rule.id for rule in RULES]
ENTRY = {
    "rule": "data-is-protected",
    "resource": "vault",
    "reason": "holds nothing that cannot be typed in again",
    "expires": TODAY,
}


def waived(**different: object) -> Waivers:
    return Waivers((Waiver.model_validate({**ENTRY, **different}),))


def findings(graph: Graph, waivers: Waivers, today: date = TODAY) -> dict[tuple[str, str], Finding]:
    stack = in_context(resources(graph), waivers, today)
    return {(each.rule.id, each.resource.name): each for each in judge(stack, tier="prod", waivers=waivers)}


@pytest.mark.parametrize(
    ("different", "result"),
    [
        ({}, "waived"),
        ({"expires": date(2027, 1, 1)}, "waived"),
        ({"expires": date(2026, 11, 21)}, "fail"),
        ({"resource": "documents"}, "fail"),
        ({"rule": "tags"}, "fail"),
    ],
    ids=["last day", "later", "ended", "another resource", "another rule"],
)
def test_a_waiver_covers_its_rule_and_its_resource_to_its_last_day(
    different: dict[str, object], result: str, graph: Graph
) -> None:
    assert findings(graph, waived(**different))["data-is-protected", "vault"].result == result


def test_a_waiver_that_ended_fails_by_name_even_if_nothing_else_does(graph: Graph) -> None:
    ended = waived(rule="tags", expires=date(2026, 11, 21))

    finding = findings(graph, ended)["waiver-in-force", "tags of vault"]

    assert finding.stops
    assert finding.problems == ("ended on 2026-11-21: holds nothing that cannot be typed in again",)


def test_the_engine_is_told_of_nothing_that_is_waived(graph: Graph) -> None:
    stack = in_context(resources(graph), Waivers(), TODAY)

    def policies_about_the_vault(waivers: Waivers) -> set[str]:
        return {policy for policy, message in said(stack, waivers=waivers) if message.startswith("vault: ")}

    unwaived = policies_about_the_vault(Waivers())

    assert unwaived > {"data-is-protected", "key-vault-purge-protection"}
    assert policies_about_the_vault(waived()) == unwaived - {"data-is-protected"}


def test_our_own_waivers_are_usable() -> None:
    assert isinstance(own_waivers(), Waivers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("waivers: [{rule: tag, resource: a, reason: because of it, expires: 2027-01-01}]", "did you mean tags?"),
        (
            "waivers: [{rule: xyz, resource: a, reason: because of it, expires: 2027-01-01}]",
            "no rule xyz; docs/policies.md lists",
        ),
        ("waivers: [{rule: tags, resource: a, reason: because of it}]", "waivers.0.expires is .* required"),
        ("waivers: [{rule: tags, resource: a, reason: because, expires: 2027-01-01}]", "waivers.0.reason is 'because'"),
        ("waivers: [{rule: tags, resource: a, reason: because of it, expires: soon}]", "waivers.0.expires is 'soon'"),
        ("waivers: [{rule: tags, resource: a, reason: because of it, expires: 2027-01-01, who: me}]", "0.who is 'me'"),
        ("waivers: tags", "waivers is 'tags'"),
        ("", "the file is None"),
        ("waivers: [", "cannot be read"),
    ],
)
def test_a_file_that_is_not_usable_says_where_and_what(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(text)

    with pytest.raises(WaiverError, match=message):
        read_waivers(IDS, tmp_path / "waivers.yaml")


def test_a_file_that_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(WaiverError, match=r"waivers\.yaml cannot be read"):
        read_waivers(IDS, tmp_path / "waivers.yaml")

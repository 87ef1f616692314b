"""python -m policies: what it prints, and the exit code that a pipeline acts on"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from local import graph as program
from local.graph import ROOT, Graph
from local.mocks import ProgramError
from policies import cli, judge
from policies.report import FORMATS
from policies.rule import Rule
from policies.rules import RULES
from policies.waivers import WaiverError

DAY = "--today=2026-11-22"


@pytest.fixture
def run(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The command line in this process, with the graph that is evaluated already: exit code and output."""
    monkeypatch.setattr(program, "evaluate", lambda _stack: graph)

    def command(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["policies", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return command


def test_the_table_has_a_row_for_every_rule_and_a_line_that_sums_up(run: Callable[..., tuple[int, str]]) -> None:
    code, said = run("--stack", "dev", DAY)

    judged = {rule.id for rule in RULES} - {"waiver-in-force"}
    assert code == 0
    assert {rule for rule in judged if not re.search(rf"│ {rule} ", said)} == set()
    assert "Run `pulumi config set vault:purgeProtection true`" in said
    assert "dev (tier dev): 0 mandatory and 5 advisory violations, 0 waived; " in said
    assert f" {len(judged)} rules, " in said


def test_a_mandatory_violation_is_exit_code_1(run: Callable[..., tuple[int, str]]) -> None:
    code, said = run("--tier", "prod", DAY)

    assert code == 1
    assert re.search(r"key-vault-purge-protection +│ vault +│ medium +│ FAIL", said)
    assert "dev (tier prod): 5 mandatory and 0 advisory violations" in said


def test_json_has_every_finding(run: Callable[..., tuple[int, str]]) -> None:
    code, said = run("--format", "json", DAY)
    told = json.loads(said)

    assert code == 0
    assert (told["stack"], told["tier"], told["today"]) == ("dev", "dev", "2026-11-22")
    assert told["summary"]["checks"] == len(told["findings"])
    (purge,) = (each for each in told["findings"] if each["rule"] == "key-vault-purge-protection")
    assert (purge["resource"], purge["level"], purge["result"]) == ("vault", "advisory", "fail")
    assert purge["problems"] == ["properties.enablePurgeProtection is not set, not true"]


def test_sarif_has_every_rule_and_places_each_violation(run: Callable[..., tuple[int, str]]) -> None:
    """The shape that the SARIF 2.1.0 schema and code scanning require."""
    code, said = run("--format", "sarif", DAY)
    told = json.loads(said)

    assert code == 0
    assert told["version"] == "2.1.0"
    (ran,) = told["runs"]
    rules = ran["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    assert {result["ruleId"] for result in ran["results"]} == {
        "cosmos-continuous-backup",
        "key-vault-purge-protection",
        "data-is-protected",
    }
    for result in ran["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == "warning"
        assert result["message"]["text"]
        assert result["suppressions"] == []
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "Pulumi.dev.yaml"
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert place["logicalLocations"][0]["fullyQualifiedName"].startswith("urn:pulumi:dev::")


def test_what_is_waived_is_told_as_such_in_every_format(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    # given: one exception
    file = tmp_path / "waivers.yaml"
    file.write_text(
        "waivers: [{rule: key-vault-purge-protection, resource: vault, reason: rebuilt weekly, expires: 2027-01-01}]"
    )
    read = judge.read_waivers
    monkeypatch.setattr(judge, "read_waivers", lambda rules: read(rules, file))

    # when: the stack is judged
    told = {format_: run("--format", format_, DAY)[1] for format_ in FORMATS}

    # then: it is neither hidden nor counted as a violation
    assert "waived until 2027-01-01: rebuilt weekly" in told["table"]
    assert json.loads(told["json"])["summary"]["waived"] == 1
    (result,) = (
        each
        for each in json.loads(told["sarif"])["runs"][0]["results"]
        if each["ruleId"] == "key-vault-purge-protection"
    )
    assert result["suppressions"] == [{"kind": "external", "justification": "rebuilt weekly"}]


@pytest.mark.parametrize(
    "words",
    [("--format", "xml"), ("--tier", "test"), ("--today", "soon"), ("--stack",), ("everything",)],
    ids=" ".join,
)
def test_bad_use_is_exit_code_2(words: Sequence[str], run: Callable[..., tuple[int, str]]) -> None:
    code, said = run(*words)

    assert code == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("error", [ProgramError("the configuration is not usable"), WaiverError("waivers.yaml is not")])
def test_what_cannot_be_judged_is_exit_code_2_and_one_message(
    error: Exception, run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_stack: str) -> Graph:
        raise error

    monkeypatch.setattr(program, "evaluate", refuse)

    assert run("--stack", "dev") == (2, f"{error}\n")


def test_the_module_runs_and_names_the_stacks_that_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "policies", "--stack", "nowhere"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("there is no stack nowhere: Pulumi.nowhere.yaml is missing; there are dev, ")


def test_the_page_on_disk_is_current(run: Callable[..., tuple[int, str]]) -> None:
    code, page = run("--list")

    assert code == 0
    assert (ROOT / "docs" / "policies.md").read_text("utf-8") == page, (
        "run `python -m policies --list > docs/policies.md`"
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_page_tells_each_rule_with_its_sources_and_remedy(rule: Rule) -> None:
    page = (ROOT / "docs" / "policies.md").read_text("utf-8")
    section = page.partition(f"### {rule.id}\n")[2].partition("\n### ")[0]

    assert rule.title in section
    assert rule.remedy in section
    assert all(source in section for source in rule.sources)
    assert f"{rule.dev} in dev" in section

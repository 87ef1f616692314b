"""every rule on its own examples, by both ways that it is run"""

from dataclasses import replace

import pytest

from local.graph import PACKAGE, Graph
from local.graph import Resource as Node
from policies.from_graph import resources
from policies.judge import judge
from policies.resources import Stack
from policies.rule import Rule
from policies.rules import RULES
from policies.waivers import Waivers
from tests.policies.engine import said

Example = tuple[Rule, Stack]


def examples(kind: str) -> list[Example]:
    return [(rule, stack) for rule in RULES for stack in getattr(rule, kind)]


def name(value: object) -> str:
    return value.id if isinstance(value, Rule) else ""


def through_graph(rule: Rule, stack: Stack) -> set[str]:
    """The problems that the graph's adapter leads to, by rule."""
    nodes = (
        Node(
            type=f"{PACKAGE}:{each.type}",
            name=each.name,
            urn=each.urn,
            id="",
            parent="",
            inputs=each.inputs,
            outputs=each.outputs,
            secrets=each.secrets,
            depends_on=(),
            protect=each.protect,
            retain_on_delete=False,
        )
        for each in stack.resources
    )
    graph = Graph("example", "dev", tuple(nodes), {})
    judged = replace(stack, resources=resources(graph))
    return {
        finding.rule.id
        for finding in judge(judged, tier="prod", waivers=Waivers(), rules=[rule])
        if finding.result == "fail"
    }


def through_engine(rule: Rule, stack: Stack) -> set[str]:
    return {policy for policy, _ in said(stack) if policy == rule.id}


def visible_to_the_engine(found: list[Example]) -> list[Example]:
    """The engine hands policies plain values and does not say which of them are secret."""
    return [(rule, stack) for rule, stack in found if not any(each.secrets for each in stack.resources)]


@pytest.mark.parametrize(("rule", "stack"), examples("passes"), ids=name)
def test_what_is_right_passes_both_ways(rule: Rule, stack: Stack) -> None:
    assert through_graph(rule, stack) == set()
    assert through_engine(rule, stack) == set()


@pytest.mark.parametrize(("rule", "stack"), examples("fails"), ids=name)
def test_what_is_wrong_fails_in_the_graph(rule: Rule, stack: Stack) -> None:
    assert through_graph(rule, stack) == {rule.id}


@pytest.mark.parametrize(("rule", "stack"), visible_to_the_engine(examples("fails")), ids=name)
def test_what_is_wrong_fails_in_the_engine(rule: Rule, stack: Stack) -> None:
    assert through_engine(rule, stack) == {rule.id}


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_a_rule_says_all_that_its_reader_needs(rule: Rule) -> None:
    assert rule.passes
    assert rule.fails
    assert rule.sources
    assert len(rule.remedy) > 10
    assert rule.why.endswith(".")
    assert rule.remedy.endswith(".")
    assert not rule.title.endswith(".")


def test_ids_are_unique_and_readable() -> None:
    ids = [rule.id for rule in RULES]

    assert len(set(ids)) == len(ids)
    assert all(rule_id == rule_id.lower() and " " not in rule_id for rule_id in ids)

"""a program may hand over anything; a rule then says what is wrong, and never breaks"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.judge import judge
from policies.resources import Stack
from policies.rules import RULES
from policies.waivers import WAIVER, Waivers

CASES = [
    (rule, stack, index, key)
    for rule in RULES
    for stack in rule.passes
    for index, resource in enumerate(stack.resources)
    for key in resource.inputs
    if resource.type != WAIVER  # these come from a file that is validated
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "type", "properties", "appSettings"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(case=st.sampled_from(CASES), value=VALUES)
@settings(max_examples=300, deadline=None)
def test_no_value_breaks_a_rule(case: tuple[object, Stack, int, str], value: object) -> None:
    rule, stack, index, key = case
    resources = list(stack.resources)
    resources[index] = replace(resources[index], inputs={**resources[index].inputs, key: value})

    findings = judge(replace(stack, resources=tuple(resources)), tier="dev", waivers=Waivers(), rules=[rule])

    assert all(finding.result in {"pass", "fail"} for finding in findings)

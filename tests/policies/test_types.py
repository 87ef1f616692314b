"""a rule about a type that does not exist checks nothing, and says nothing"""

import inspect
import re
from importlib import import_module
from typing import Any

import pytest

from policies.naming import KINDS
from policies.resources import Stack
from policies.rules import RULES
from policies.rules.code import CODE
from policies.waivers import WAIVER

TYPES = sorted({type_ for rule in RULES for type_ in rule.about} | KINDS.keys() - {WAIVER})
OURS = {CODE, WAIVER}
"""Types that no Azure SDK knows."""
ABSENT = {
    WAIVER: "there are no waivers",
}


def resource_class(type_: str) -> Any:
    module, kind = type_.split(":")
    return getattr(import_module(f"pulumi_azure_native.{module}"), kind)


def inputs_of(type_: str) -> set[str]:
    """What a resource of this type takes, in the provider's spelling."""
    taken = inspect.signature(resource_class(type_)._internal_init).parameters
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name) for name in taken}


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if type_ not in OURS])
def test_every_type_that_a_rule_speaks_of_exists(type_: str) -> None:
    assert inspect.isclass(resource_class(type_))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_property_of_an_example_exists(rule: Any) -> None:
    for stack in (*rule.passes, *rule.fails):
        for resource in stack.resources:
            if resource.type not in OURS:
                unknown = {
                    key for key in resource.inputs if key.casefold() not in map(str.casefold, inputs_of(resource.type))
                }
                assert not unknown, f"{resource.type} has no input {unknown}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_something_to_judge_in_stack_dev_or_prod(rule: Any, dev: Stack, prod: Stack) -> None:
    absent = [type_ for type_ in rule.about if not dev.of_type(type_) and not prod.of_type(type_)]

    assert set(absent) <= ABSENT.keys()


def test_what_is_said_to_be_absent_is(dev: Stack, prod: Stack) -> None:
    assert not dev.of_type(*ABSENT)
    assert not prod.of_type(*ABSENT)

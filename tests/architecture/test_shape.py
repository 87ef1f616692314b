"""Every pattern has the same files, and its topology says what its triggers do."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from services.kernel.topology import Topology
from services.registry import PATTERNS

ROOT = Path(__file__).parents[2]
FILES = (
    "README.md",
    "topology.py",
    "events.py",
    "questions.py",
    "decide.py",
    "handler.py",
    "triggers.py",
    "function_app.py",
    "host.json",
)

each_pattern = pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)


@cache
def bindings(pattern: str) -> dict[str, Mapping[str, Any]]:
    """The trigger of each function, by the function's name; `get_functions` may be called once per app only."""
    app = import_module(f"services.{pattern}.function_app").app
    return {function.get_function_name(): function.get_trigger().get_dict_repr() for function in app.get_functions()}


def of_type(pattern: str, kind: str) -> dict[str, Mapping[str, Any]]:
    return {name: binding for name, binding in bindings(pattern).items() if binding["type"] == kind}


@each_pattern
def test_a_pattern_has_the_files_that_every_pattern_has(pattern: Topology) -> None:
    folder = ROOT / "services" / pattern.name
    missing = [name for name in FILES if not (folder / name).is_file()]
    assert not missing, f"services/{pattern.name} lacks {', '.join(missing)}; see CONTRIBUTING.md, add a pattern"


@each_pattern
def test_a_pattern_listens_where_its_topology_says(pattern: Topology) -> None:
    declared = {(s.topic.name, s.name, s.topic.sessions) for s in pattern.listens}
    wired = {
        (binding["topicName"], binding["subscriptionName"], binding.get("isSessionsEnabled", False))
        for binding in of_type(pattern.name, "serviceBusTrigger").values()
    }
    assert wired == declared


@each_pattern
def test_a_pattern_has_the_timers_of_its_topology_and_takes_their_schedules_from_settings(pattern: Topology) -> None:
    declared = {timer.function: f"%Schedule_{timer.function}%" for timer in pattern.timers}
    wired = {name: binding["schedule"] for name, binding in of_type(pattern.name, "timerTrigger").items()}
    assert wired == declared


@each_pattern
def test_a_pattern_reads_the_change_feeds_of_its_topology_each_under_a_prefix_of_its_own(pattern: Topology) -> None:
    declared = {(feed.function, feed.container.name, feed.lease_prefix) for feed in pattern.feeds}
    wired = {
        (name, binding["containerName"], binding["leaseContainerPrefix"])
        for name, binding in of_type(pattern.name, "cosmosDBTrigger").items()
    }
    assert wired == declared


@each_pattern
def test_a_pattern_has_http_functions_only_if_its_topology_says_so(pattern: Topology) -> None:
    assert bool(of_type(pattern.name, "httpTrigger")) == pattern.http


@each_pattern
def test_function_names_are_lower_case_because_always_ready_matches_no_others(pattern: Topology) -> None:
    assert [name for name in bindings(pattern.name) if name != name.lower()] == []


@each_pattern
def test_a_pattern_reacts_to_exactly_the_event_types_that_it_subscribes_to(pattern: Topology) -> None:
    service = import_module(f"services.{pattern.name}.handler").SERVICE
    assert service.event_types == {kind for listener in pattern.listens for kind in listener.event_types}


@each_pattern
def test_a_pattern_asks_the_tiers_that_its_topology_names(pattern: Topology) -> None:
    questions = import_module(f"services.{pattern.name}.questions").QUESTIONS
    assert {question.tier for question in questions} == set(pattern.asks)


@each_pattern
def test_host_json_states_its_limits(pattern: Topology) -> None:
    host = json.loads((ROOT / "services" / pattern.name / "host.json").read_text())
    bus = host["extensions"]["serviceBus"]
    assert bus["autoCompleteMessages"] is True
    assert bus["maxConcurrentCalls"] >= 1
    assert "functionTimeout" in host, "a function that hangs would hold its lock for the plan's default of half an hour"
    if any(listener.topic.sessions for listener in pattern.listens):
        assert {"maxConcurrentSessions", "sessionIdleTimeout"} <= bus.keys(), "the idle default of a minute throttles"


def test_no_two_patterns_share_a_name_a_subscription_or_a_lease_prefix() -> None:
    names = [pattern.name for pattern in PATTERNS]
    listeners = [(s.topic.name, s.name) for pattern in PATTERNS for s in pattern.listens]
    prefixes = [feed.lease_prefix for pattern in PATTERNS for feed in pattern.feeds]
    for several in (names, listeners, prefixes):
        assert len(several) == len(set(several))

"""What may come in from outside, and where it goes: held against the topologies of all patterns."""

from importlib import import_module
from pathlib import Path

import pytest

from services.entities import DATA_CHANGES, ENTITY_COMMANDS
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.topology import Topology
from services.sources.decide import COMMANDS, OUR_SOURCES, OURS, check_source, route

SERVICES = Path(__file__).parents[3] / "services"
TOPOLOGIES: list[Topology] = [
    import_module(f"services.{folder.parent.name}.topology").TOPOLOGY
    for folder in sorted(SERVICES.glob("*/topology.py"))
    if folder.parent.name != "kernel"
]
HEARD = [(listener.topic, kind) for each in TOPOLOGIES for listener in each.listens for kind in listener.event_types]


def test_whatever_a_pattern_hears_elsewhere_than_at_a_door_is_refused_from_outside() -> None:
    internal = {kind for topic, kind in HEARD if topic is not DATA_CHANGES} - COMMANDS

    assert internal <= OURS, f"services/sources/decide.py lets anybody say {sorted(internal - OURS)}"


def test_whatever_a_pattern_hears_at_a_door_may_be_said() -> None:
    assert not OURS & {kind for topic, kind in HEARD if topic is DATA_CHANGES}


def test_the_commands_are_heard_where_they_are_sent_to() -> None:
    assert {kind for topic, kind in HEARD if topic is ENTITY_COMMANDS} >= COMMANDS


@pytest.mark.parametrize("kind", sorted(OURS))
def test_a_fact_of_ours_cannot_be_forged(kind: str) -> None:
    with pytest.raises(Park) as refused:
        route(kind, {"case_id": "R-1"})

    assert refused.value.reason == "not-from-outside"
    assert repr(kind) in refused.value.description


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_a_command_waits_behind_the_others_of_its_case(kind: str) -> None:
    assert route(kind, {"case_id": "R/1 ä"}) == (ENTITY_COMMANDS, safe_id("case", "R/1 ä"))


@pytest.mark.parametrize("case", [None, "", 7, ["R-1"], {"id": "R-1"}, "x" * 201, True])
def test_a_command_without_a_case_has_nowhere_to_wait(case: object) -> None:
    with pytest.raises(Park) as refused:
        route("pay_refund", {} if case is None else {"case_id": case})

    assert refused.value.reason == "not-routable"
    assert "pay_refund needs text of 1 to 200 characters" in refused.value.description


@pytest.mark.parametrize("kind", ["order_placed", "saga_requested", "order_plcaed", "com.example.anything"])
def test_everything_else_is_a_fact_from_the_business(kind: str) -> None:
    assert route(kind, {}) == (DATA_CHANGES, None)


@pytest.mark.parametrize("source", [*(f"{ours}x" for ours in OUR_SOURCES), "urn:bare"])
def test_nobody_outside_speaks_under_a_name_of_ours(source: str) -> None:
    with pytest.raises(Park, match="not-from-outside"):
        check_source(source)


def test_every_topic_of_ours_is_a_name_that_is_taken() -> None:
    topics = {topic.name for each in TOPOLOGIES for topic in (*each.publishes, *(one.topic for one in each.listens))}

    assert {f"/{name}/" for name in topics} <= set(OUR_SOURCES)
    check_source("/shop")

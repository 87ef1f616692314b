from services.entities import BUDGETS, DATA_CHANGES, DEAD_LETTERS, DECISIONS, INSIGHTS, ITEMS, LEASES, REFERENCE
from services.inference.topology import AI_PROCESSOR, TOPOLOGY
from services.kernel.access import grants
from services.kernel.topology import Feed, Topology


def rights(topology: Topology) -> set[tuple[str, object]]:
    return {(grant.right, grant.on) for grant in grants(topology)}


def test_inference_may_do_what_it_does_and_nothing_else() -> None:
    assert rights(TOPOLOGY) == {
        ("receive", AI_PROCESSOR),
        ("send", INSIGHTS),
        ("send", DATA_CHANGES),
        ("send", DEAD_LETTERS),
        ("write", ITEMS),
        ("read", REFERENCE),
        ("write", DECISIONS),
        ("write", BUDGETS),
    }


def test_who_asks_nothing_needs_neither_ledger_nor_budget() -> None:
    assert rights(Topology("plain", keeps=(ITEMS,))) == {("write", ITEMS)}


def test_a_right_is_granted_once_and_writing_includes_reading() -> None:
    both = Topology(
        "both", keeps=(ITEMS,), reads=(ITEMS, REFERENCE), publishes=(DATA_CHANGES,), listens=(AI_PROCESSOR,)
    )
    granted = [(grant.right, grant.on) for grant in grants(both)]
    assert len(granted) == len(set(granted))
    assert ("read", ITEMS) not in granted
    assert ("read", REFERENCE) in granted


def test_who_reads_a_change_feed_may_hold_leases_and_park() -> None:
    feeding = Topology("feeding", feeds=(Feed(ITEMS, "on_change", "feeding-on_change-"),))
    assert rights(feeding) == {("read", ITEMS), ("write", LEASES), ("send", DEAD_LETTERS)}

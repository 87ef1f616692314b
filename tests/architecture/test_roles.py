"""docs/roles.md is what the topologies say, and what the program grants is what the page says"""

import re

from infra.role_matrix import page, rows
from local.graph import ROOT, evaluate
from services.registry import PATTERNS
from tests.infra.summary import summarized

NAMES = {
    "topics": "topic",
    "queues": "queue",
    "colls": "container",
    "secrets": "secret",
}
PLACES = {
    "the accounts of Microsoft.CognitiveServices": "the model account",
    "the storageAccounts of Microsoft.Storage": "the hosts' storage account",
    "the components of Microsoft.Insights": "Application Insights",
}


def spoken(granted: str) -> tuple[str, str]:
    """A role as the graph's summary tells it, in the words of the page."""
    role, _, on = granted.partition(" on ")
    kind, _, name = on.partition("/")
    kind = "subscription" if "/" in name and kind == "topics" else NAMES.get(kind, kind)
    return role, PLACES.get(on) or f"{kind} `{name}`"


def test_the_page_is_what_the_topologies_say() -> None:
    written = (ROOT / "docs" / "roles.md").read_text("utf-8")

    assert written == page(), "run `python -m infra.role_matrix > docs/roles.md`"


def test_the_program_grants_exactly_what_the_page_says() -> None:
    granted = summarized(evaluate("dev"))["roles"]

    assert len(granted) == len(PATTERNS)
    for topology in PATTERNS:
        held = sorted(map(spoken, granted[topology.name.replace("_", "-")]))
        assert held == sorted((role, on) for role, on, _ in rows(topology))


def test_every_right_has_its_reason() -> None:
    for topology in PATTERNS:
        assert all(why for _, _, why in rows(topology))
    assert not re.search(r"\| *\|$", page(), re.MULTILINE)

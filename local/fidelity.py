"""What an emulator claims about itself -> FIDELITY.md.

Each emulator keeps its claims as data in its own `fidelity.py`; `python -m local fidelity` writes the page from them,
and a test fails when the page on disk differs or when a claim names a test that does not exist.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

PAGE = Path(__file__).parent.parent / "FIDELITY.md"

EMULATORS = {
    "local.servicebus.fidelity": "Service Bus emulator",
    "local.cosmos.fidelity": "Cosmos DB emulator",
    "local.model.fidelity": "Model stand-in",
    "local.host.fidelity": "Functions host",
    "local.mailbox.fidelity": "Mailbox",
}

INTRODUCTION = """# How the laptop differs from Azure

The services run unchanged on the official SDKs; what is simulated is simulated behind the real wire format. This page
is written by `make fix` from what each emulator claims of itself, and every claim names the test that holds it. None of
it was compared with Azure itself: the tests run the official clients against the emulators, and the claims about Azure
follow its documentation.
"""


@dataclass(frozen=True)
class Claim:
    """One sentence on how an emulator behaves where a user of Azure may ask.

    `feature` is the name that Azure's documentation uses, `here` says whether it works as in Azure, differs, or is
    refused loudly; `note` says how; `test` names the test that holds the claim (empty for what is refused outright
    by a parser that has a test of its own).
    """

    feature: str
    here: Literal["works", "differs", "refused"]
    note: str = ""
    test: str = ""


def page() -> str:
    """FIDELITY.md as it should be."""
    return INTRODUCTION + "".join(_section(title, claims(module)) for module, title in EMULATORS.items())


def claims(module: str) -> tuple[Claim, ...]:
    """What one emulator claims."""
    return import_module(module).CLAIMS


def write_page() -> None:
    """Write FIDELITY.md."""
    PAGE.write_text(page(), "utf-8")


def _section(title: str, its: tuple[Claim, ...]) -> str:
    order = ("differs", "refused", "works")
    rows = [
        f"| {_cell(claim.feature)} | {claim.here} | {_cell(claim.note)} | {f'`{claim.test}`' if claim.test else ''} |"
        for claim in sorted(its, key=lambda claim: (order.index(claim.here), claim.feature))
    ]
    return "\n".join(("", f"## {title}", "", "| feature | here | how | test |", "|---|---|---|---|", *rows, ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

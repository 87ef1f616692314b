"""What an emulator claims about itself -> FIDELITY.md.

Each emulator keeps its claims as data in its own `fidelity.py`; `python -m local fidelity` prints the page from
them, and a test fails when the page on disk differs or when a claim names a test that does not exist.
"""

from dataclasses import dataclass
from typing import Literal


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

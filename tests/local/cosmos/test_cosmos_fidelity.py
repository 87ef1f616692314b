"""what the emulator claims is held by tests that exist"""

from pathlib import Path

import pytest

from local.cosmos.fidelity import CLAIMS
from local.fidelity import Claim

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.feature for claim in CLAIMS])
def test_each_claim_names_a_test_that_exists(claim: Claim) -> None:
    file, _, name = claim.test.partition("::")

    assert f"def {name}(" in (ROOT / file).read_text()
    assert claim.note

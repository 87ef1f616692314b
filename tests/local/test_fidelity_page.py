import re
from pathlib import Path

import pytest

from local.fidelity import EMULATORS, PAGE, claims, page

TESTS = "\n".join(path.read_text() for path in (Path(__file__).parents[1]).rglob("test_*.py"))


def test_the_page_says_what_the_emulators_claim() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make fix`"


@pytest.mark.parametrize("module", EMULATORS)
def test_every_claim_names_a_test_that_exists(module: str) -> None:
    named = {claim.test.rpartition("::")[2].partition("[")[0] for claim in claims(module) if claim.test}
    missing = {name for name in named if not re.search(rf"def {re.escape(name)}\b", TESTS)}

    assert named
    assert not missing


@pytest.mark.parametrize("module", EMULATORS)
def test_what_works_or_differs_is_held_by_a_test(module: str) -> None:
    assert [claim.feature for claim in claims(module) if claim.here == "works" and not claim.test] == []

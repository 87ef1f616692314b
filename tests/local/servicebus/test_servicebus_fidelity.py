"""The claims of the emulator name tests that exist."""

import re
from pathlib import Path

from local.servicebus.fidelity import CLAIMS


def test_every_claim_names_a_test_of_this_folder() -> None:
    # given
    text = "\n".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    tests = set(re.findall(r"def (test_\w+)", text))

    # then
    missing = {claim.feature: claim.test for claim in CLAIMS if claim.test not in tests}
    assert missing == {"Management over HTTP": "", "Partitioned entities, auto-delete, quotas": ""}


def test_features_are_named_once() -> None:
    names = [claim.feature for claim in CLAIMS]
    assert sorted(set(names)) == sorted(names)

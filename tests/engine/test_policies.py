"""the program + the policy pack -> a preview that passes, or fails and names the rule"""

import pytest

from tests.engine.deployment import Deployment, Left
from tests.engine.programs import PACK, with_shared_keys

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]  # minutes, where the CLI has to be built first


def test_the_program_keeps_every_mandatory_rule(previewed: Left) -> None:
    verdict = previewed.output.partition("Policies:")[2]

    assert "event-driven-ai@" in verdict, "the pack did not run"
    assert "[mandatory]" not in verdict


def test_a_broken_rule_fails_the_preview_and_is_named(dev: Deployment) -> None:
    refused = dev.run("preview", with_shared_keys, policy_packs=[PACK])

    broken = [line.split()[2] for line in refused.output.splitlines() if "[mandatory]" in line]

    assert refused.failed
    assert broken == ["storage-no-keys"]
    assert "allowSharedKeyAccess is true, not false" in refused.output

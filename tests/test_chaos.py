"""The chaos that is run by hand works: one seed is played, and a mutant that changes nothing survives."""

from dataclasses import replace

import pytest

from chaos.kills import play
from chaos.mutant import ROOT, survives
from chaos.mutants import MUTANTS


@pytest.mark.slow
def test_a_seed_that_kills_everything_leaves_the_world_whole() -> None:
    result = play(11, say=lambda _: None)

    assert result.problems == ()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_still_finds_the_text_that_it_changes(mutant: object) -> None:
    (found,) = [one for one in MUTANTS if one is mutant]

    assert (ROOT / found.file).read_text().count(found.old) == 1
    assert found.old != found.new


@pytest.mark.slow
def test_a_mutant_that_changes_nothing_survives() -> None:
    harmless = replace(MUTANTS[0], new=MUTANTS[0].old, tests=("tests/services/kernel/test_ids.py",))

    assert survives(harmless) == "all of tests/services/kernel/test_ids.py passed"

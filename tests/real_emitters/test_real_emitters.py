"""Released packages, alone and in the pairs that people use, against a provider that knows what it served: the ledger
has exactly those calls and those tokens, whoever sends."""

from pathlib import Path

import pytest
from tests.real_emitters.combinations import COMBINATIONS, Combination
from tests.real_emitters.emitter_runs import run_app


@pytest.mark.slow
@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda combination: combination.name)
def test_every_served_call_is_counted_once(combination: Combination, tmp_path: Path) -> None:
    outcome = run_app(combination.app, combination.emitters, combination.environment, tmp_path)
    assert outcome.served
    assert outcome.differences(combination.lacks) == []

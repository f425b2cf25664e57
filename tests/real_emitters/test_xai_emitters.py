"""The spans of the xAI SDK itself, alone and beside ours, against a local xAI that knows what it served. No other
package of the known families has an instrumentation of this SDK."""

from pathlib import Path

import pytest
from tests.real_emitters.emitter_runs import run_app
from tests.real_emitters.environments import XAI
from tests.real_emitters.xai_wire import serving_xai


@pytest.mark.slow
@pytest.mark.parametrize("emitters", [(), ("spanledger",)], ids=["native", "native+spanledger"])
def test_every_served_call_is_counted_once(
    emitters: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_xai() as (address, served):
        monkeypatch.setenv("APP_XAI_HOST", address)
        outcome = run_app("xai_chat", emitters, XAI, tmp_path)
    assert len(served) == 26
    assert type(outcome)(list(served), outcome.counted, outcome.ledger).differences() == []

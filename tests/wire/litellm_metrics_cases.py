"""Metrics of calls through LiteLLM: each is measured once, whoever sends.

Run by `test_litellm_apart.py` in an environment that has LiteLLM.
"""

import os
from importlib import import_module
from typing import Any

import pytest
from wire_metrics import Measured, measured, said_of

from provider_server import ProviderServer
from spanledger._metrics import DURATION

__all__ = ["measured"]

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("model", "path"), [("anthropic/claude-sonnet-5", ""), ("openai/gpt-5-mini", "/v1")])
def test_a_call_is_measured_once(
    measured: Measured, provider: ProviderServer, model: str, path: str, streamed: bool
) -> None:
    options = {"include_usage": True} if streamed else None
    where = {"api_base": provider.url + path, "api_key": "k"}
    answer = litellm.completion(model, MESSAGES, stream=streamed, stream_options=options, **where)
    if streamed:
        assert list(answer)
    del answer
    usage = provider.served[-1].usage
    assert usage is not None
    [took] = measured.points(DURATION)
    assert took.count == 1
    assert said_of(took)["gen_ai.provider.name"] == model.partition("/")[0]
    assert measured.tokens == {"input": (1, usage.input_tokens), "output": (1, usage.output_tokens)}

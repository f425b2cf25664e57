"""Usage, identity and price as OpenAI writes them, and what other hosts of the same wire format do differently.

Usage is inclusive on the wire: `prompt_tokens` contains cached tokens, `completion_tokens` contains reasoning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spanledger import semconv
from spanledger.usage import count, decimal_text, fields, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spanledger._reading import Reading
    from spanledger.usage import Fields

__all__ = ["first", "items", "read_identity", "read_reported_cost", "read_usage"]

_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "completion_token_details")

_METER_BY_INPUT_DETAIL = {
    "cached_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "audio_tokens": "input_audio",
    "image_tokens": "input_image",
}
_METER_BY_OUTPUT_DETAIL = {
    "reasoning_tokens": "reasoning",
    "audio_tokens": "output_audio",
    "image_tokens": "output_image",
}

_SEQUENCES: Final = (list, tuple)


def read_identity(answer: Fields, reading: Reading) -> None:
    if isinstance(response_id := answer.get("id"), str) and response_id:
        reading.response_id = response_id
    if isinstance(model := answer.get("model"), str) and model:
        reading.response_model = model
    if isinstance(tier := answer.get("service_tier"), str):
        reading.attributes[semconv.OPENAI_SERVICE_TIER] = tier


def read_usage(usage: object, reading: Reading) -> None:
    if usage is None:
        return
    said = fields(usage)
    _read_details(said, _INPUT_DETAILS, _METER_BY_INPUT_DETAIL, reading)
    _read_details(said, _OUTPUT_DETAILS, _METER_BY_OUTPUT_DETAIL, reading)
    # DeepSeek and Together name it outside the details.
    cached = said.get("prompt_cache_hit_tokens") or said.get("cached_tokens")
    if cached is not None and "cache_read" not in reading.usage:
        put(reading.usage, "cache_read", cached)
    _read_token_counts(said, reading)
    if said.get("cost") is not None:
        read_reported_cost(said, reading)


def read_reported_cost(usage: Fields, reading: Reading) -> None:
    if (cost := usage.get("cost")) is not None and (amount := decimal_text(cost)) is not None:
        reading.attributes[semconv.REPORTED_COST_USD] = amount


def _read_details(usage: Fields, names: tuple[str, ...], meters: Mapping[str, str], reading: Reading) -> None:
    for name in names:
        if (details := usage.get(name)) is not None:
            said = fields(details)
            for field, meter in meters.items():
                if (value := said.get(field)) is not None:
                    put(reading.usage, meter, value)
            return


def _read_token_counts(usage: Fields, reading: Reading) -> None:
    """Input and output. Some hosts leave reasoning out of the output but not out of the total (xAI, Gemini): what the
    total has beyond the two is output, and when no reasoning is given, it is the reasoning. An output of nothing is
    left out by some, and is what the total does not have beyond the input."""
    # Nearly always counts are whole numbers under these names; `first` knows the rest, and takes several times as long.
    given_input, given_output = usage.get("prompt_tokens"), usage.get("completion_tokens")
    total = usage.get("total_tokens")
    if type(given_input) is not int or given_input < 0:
        given_input = first(usage, "prompt_tokens", "input_tokens")
    if type(given_output) is not int or given_output < 0:
        given_output = first(usage, "completion_tokens", "output_tokens")
    if type(total) is not int or total < 0:
        total = count(total)
    if given_output is None and given_input is not None and given_input == total:
        given_output = 0
    if given_input is not None:
        reading.usage["input"] = given_input
    if given_output is not None:
        reading.usage["output"] = given_output
    if given_input is None or given_output is None or total is None:
        return
    hidden = total - given_input - given_output
    if hidden > 0 and reading.usage.get("reasoning") in (None, hidden):
        if "reasoning" not in reading.usage:
            reading.evidence = f"{hidden} tokens are in the total only; taken for reasoning"
        reading.usage["output"] = given_output + hidden
        reading.usage["reasoning"] = hidden


def first(usage: Fields, *names: str) -> int | None:
    for name in names:
        if (value := usage.get(name)) is not None and (quantity := count(value)) is not None:
            return quantity
    return None


def items(value: Any) -> Iterable[object]:  # noqa: ANN401  # whatever an answer has there
    if isinstance(value, _SEQUENCES):
        return value  # pyright: ignore[reportUnknownVariableType]  # whatever is in it
    return ()

"""Images, audio, documents and Anthropic's own format through LiteLLM: one call, one span, whoever sends the request.

Run by `test_litellm_apart.py` in an environment that has LiteLLM.
"""

import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from wire_recording import Recording
from wire_scripted import Script, answer, serving
from wire_sdk_contract import counts_of

from spanledger._reading import Reading
from spanledger.providers.litellm import read_images

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network for prices
litellm: Any = import_module("litellm")
litellm.suppress_debug_info = True

SOUND = ("speech.wav", b"a sound", "audio/wav")
PICTURES = {
    "created": 1,
    "data": [{"b64_json": "aa"}],
    "usage": {
        "input_tokens": 50,
        "output_tokens": 1056,
        "total_tokens": 1106,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    },
}
PAPER = {"type": "document_url", "document_url": "https://example.org/a.pdf"}
MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "content": [{"type": "text", "text": "In Ghent."}],
    "usage": {"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 5},
}


def ask(name: str, script: Script, path: str = "", **arguments: object) -> object:
    """Call one of LiteLLM's functions, to its end if it is asynchronous."""
    with serving(script) as server:
        answered: Any = getattr(litellm, name)(**arguments, api_base=server.url + path, api_key="k", max_retries=0)
        return asyncio.run(answered) if asyncio.iscoroutine(answered) else answered


@pytest.mark.parametrize("name", ["image_generation", "aimage_generation"])
def test_images_through_the_sdk_below_count_once(instrumented: Recording, name: str) -> None:
    ask(name, answer(PICTURES), "/v1", model="openai/gpt-image-1", prompt="a parcel")
    assert instrumented.attributes["gen_ai.operation.name"] == "image_generation"
    assert instrumented.attributes["gen_ai.usage.image.input_tokens"] == 40
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 1056


def test_zeros_that_litellm_makes_up_are_no_usage() -> None:
    reading = Reading()
    read_images(litellm.ImageResponse(created=1, data=[{"url": "u"}, {"url": "u"}]), reading)
    assert reading.usage == {"image": 2}
    reading = Reading()
    read_images(litellm.ImageResponse(**PICTURES), reading)
    assert (reading.usage["input"], reading.usage["output"]) == (50, 1056)


def test_a_transcription_by_litellm_itself(instrumented: Recording) -> None:
    """Deepgram tells no usage."""
    heard = {"transcript": "Where is my parcel?"}
    whole = {"metadata": {"duration": 3.5, "channels": 1}, "results": {"channels": [{"alternatives": [heard]}]}}
    ask("transcription", answer(whole), model="deepgram/nova-2", file=SOUND)
    ask("atranscription", answer(whole), model="deepgram/nova-2", file=SOUND)
    first, second = instrumented.spans
    for span in (first, second):
        attributes: Any = span.attributes
        assert attributes["gen_ai.provider.name"] == "deepgram"
        assert attributes["gen_ai.request.model"] == "nova-2"
        assert attributes["gen_ai.operation.name"] == "transcription"
        assert attributes["spanledger.usage_status"] == "unmetered"


def test_speech_through_the_sdk_below_counts_once(instrumented: Recording) -> None:
    ask("speech", Script(b"a sound", "audio/mpeg"), "/v1", model="openai/tts-1", voice="alloy", input="In Ghent.")
    assert instrumented.attributes["gen_ai.operation.name"] == "speech"


@pytest.mark.parametrize("name", ["ocr", "aocr"])
def test_documents_are_billed_by_the_page(instrumented: Recording, name: str) -> None:
    whole: Any = {
        "model": "mistral-ocr-2505",
        "pages": [],
        "usage_info": {"pages_processed": 7, "doc_size_bytes": 99},
    }
    ask(name, answer(whole), model="mistral/mistral-ocr-latest", document=PAPER)
    assert counts_of(instrumented.only) == {"spanledger.usage.page": 7}
    assert instrumented.attributes["gen_ai.provider.name"] == "mistral_ai"


async def from_the_package(**arguments: object) -> object:
    return await litellm.anthropic.messages.acreate(**arguments)


async def from_litellm(**arguments: object) -> object:
    return await litellm.anthropic_messages(**arguments)


@pytest.mark.parametrize("asking", [from_litellm, from_the_package])
def test_messages_in_the_format_of_anthropic(instrumented: Recording, asking: Callable[..., Any]) -> None:
    asked = {"model": "anthropic/claude-sonnet-5", "max_tokens": 5, "messages": MESSAGES, "api_key": "k"}
    with serving(answer(MESSAGE)) as server:
        answered = asyncio.run(asking(**asked, api_base=server.url))
    assert answered["id"] == "msg_1"
    assert counts_of(instrumented.only) == {
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
    }
    assert instrumented.attributes["gen_ai.provider.name"] == "anthropic"
    assert instrumented.attributes["gen_ai.request.model"] == "claude-sonnet-5"

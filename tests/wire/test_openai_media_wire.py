"""Images, audio and moderation through the OpenAI SDK, real, against a scripted server."""

from typing import Any

import pytest
from wire_openai import OpenAIContract, openai_client
from wire_recording import Recording
from wire_scripted import Script, answer, chat_events, serving
from wire_sdk_contract import Attributes, counts_of

IMAGE_USAGE = {
    "input_tokens": 50,
    "output_tokens": 1056,
    "total_tokens": 1106,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens_details": {"text_tokens": 56, "image_tokens": 1000},
}
IMAGE_COUNTS = {
    "gen_ai.usage.input_tokens": 50,
    "gen_ai.usage.image.input_tokens": 40,
    "gen_ai.usage.output_tokens": 1056,
    "gen_ai.usage.image.output_tokens": 1000,
}
AUDIO_USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "output_tokens": 45,
    "total_tokens": 59,
    "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
}
AUDIO_COUNTS = {
    "gen_ai.usage.input_tokens": 14,
    "gen_ai.usage.audio.input_tokens": 10,
    "gen_ai.usage.output_tokens": 45,
}
PICTURE = ("picture.png", b"a picture", "image/png")
SOUND = ("speech.wav", b"a sound", "audio/wav")


class _Media(OpenAIContract):
    response_id = None
    response_model = None


@pytest.mark.parametrize("images", [1, 3])
def test_images_without_usage_are_counted_and_not_metered(instrumented: Recording, images: int) -> None:
    """As of DALL-E, whose price depends on more than their number."""
    with serving(answer({"created": 1, "data": [{"url": "https://example.org/1.png"}] * images})) as server:
        openai_client(server.url).images.generate(model="dall-e-3", prompt="a parcel", n=images)
    attributes = instrumented.attributes
    assert attributes["spanledger.usage.image"] == images
    assert attributes["spanledger.usage_status"] == "unmetered"
    assert attributes["spanledger.usage_evidence"] == "response without usage"


class TestImages(_Media):
    operation = "image_generation"

    def usage(self) -> Attributes:
        return IMAGE_COUNTS

    def whole(self) -> Script:
        return answer({"created": 1, "data": [{"b64_json": "aGk="}], "usage": IMAGE_USAGE})

    def events(self) -> list[dict[str, Any]]:
        partial = {"type": "image_generation.partial_image", "b64_json": "aA==", "partial_image_index": 0}
        return [partial, {"type": "image_generation.completed", "b64_json": "aGk=", "usage": IMAGE_USAGE}]

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.images.generate(model=self.model, prompt="a parcel")

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.images.generate(model=self.model, prompt="a parcel", stream=True)


class TestTranscriptions(_Media):
    operation = "transcription"

    def usage(self) -> Attributes:
        return AUDIO_COUNTS

    def whole(self) -> Script:
        return answer({"text": "Where is my parcel?", "usage": AUDIO_USAGE})

    def events(self) -> list[dict[str, Any]]:
        done = {"type": "transcript.text.done", "text": "Where?", "usage": AUDIO_USAGE}
        return [{"type": "transcript.text.delta", "delta": "Where?"}, done]

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.audio.transcriptions.create(model=self.model, file=SOUND)

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        return client.audio.transcriptions.create(model=self.model, file=SOUND, stream=True)


class _WithoutUsage(_Media):
    streams = False

    def usage(self) -> Attributes:
        return {}

    def check_metered(self, recording: Recording) -> None:
        attributes = recording.attributes
        assert counts_of(recording.only) == {}
        assert attributes["spanledger.usage_status"] == "unmetered"
        assert attributes["spanledger.usage_evidence"] == "response without usage"
        assert attributes["gen_ai.operation.name"] == self.operation
        assert attributes["gen_ai.request.model"] == self.model
        assert attributes.get("gen_ai.response.id") == self.response_id


class TestSpeech(_WithoutUsage):
    operation = "speech"

    def whole(self) -> Script:
        return Script(b"a sound", "audio/mpeg")

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.audio.speech.create(model=self.model, voice="alloy", input="Where is my parcel?")

    def view(self, item: object) -> object:
        return type(item), getattr(item, "content", None)


class TestModerations(_WithoutUsage):
    operation = "moderation"
    response_id = "answer-1"

    def whole(self) -> Script:
        return answer({"id": "answer-1", "model": "model-of-a-test-001", "results": [{"flagged": True}]})

    def ask(self, client: Any) -> Any:  # noqa: ANN401
        return client.moderations.create(model=self.model, input="Where is my parcel?")


def test_without_details_all_of_the_output_is_image(instrumented: Recording) -> None:
    usage = {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106}
    with serving(answer({"created": 1, "data": [], "usage": usage})) as server:
        openai_client(server.url).images.edit(model="gpt-image-1", prompt="smaller", image=PICTURE)
    assert instrumented.attributes["gen_ai.usage.image.output_tokens"] == 1056
    assert instrumented.attributes["gen_ai.operation.name"] == "image_generation"


def test_an_edited_image_is_streamed(instrumented: Recording) -> None:
    with serving(chat_events({"type": "image_edit.completed", "usage": IMAGE_USAGE})) as server:
        client: Any = openai_client(server.url)
        list(client.images.edit(model="gpt-image-1", prompt="smaller", image=PICTURE, stream=True))
    assert counts_of(instrumented.only) == IMAGE_COUNTS
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_what_is_billed_beside_an_image_is_said(instrumented: Recording) -> None:
    svg = {"model": "gpt-6-sol", "input_tokens": 30, "output_tokens": 400, "total_tokens": 430}
    with serving(answer({"created": 1, "data": [], "usage": IMAGE_USAGE, "svg_usage": svg})) as server:
        openai_client(server.url).images.generate(model="gpt-image-2", prompt="a parcel")
    assert counts_of(instrumented.only) == IMAGE_COUNTS
    evidence = str(instrumented.attributes["spanledger.usage_evidence"])
    assert evidence == "billed beside this usage: svg model=gpt-6-sol input_tokens=30 output_tokens=400"


@pytest.mark.parametrize(("seconds", "counted"), [(7, 7), (8.47, 8.47), (9.0, 9)])
def test_audio_billed_by_its_length(instrumented: Recording, seconds: float, counted: float) -> None:
    with serving(answer({"text": "Where?", "usage": {"type": "duration", "seconds": seconds}})) as server:
        openai_client(server.url).audio.transcriptions.create(model="whisper-1", file=SOUND)
    assert counts_of(instrumented.only) == {"spanledger.usage.second": counted}
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


@pytest.mark.parametrize("seconds", [-1, "many", None])
def test_a_length_that_is_none_is_no_usage(instrumented: Recording, seconds: object) -> None:
    with serving(answer({"text": "Where?", "usage": {"type": "duration", "seconds": seconds}})) as server:
        openai_client(server.url).audio.transcriptions.create(model="whisper-1", file=SOUND)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


def test_subtitles_have_no_usage(instrumented: Recording) -> None:
    with serving(Script(b"1\n00:00 --> 00:01\nWhere?", "text/plain")) as server:
        client: Any = openai_client(server.url)
        text = client.audio.translations.create(model="whisper-1", file=SOUND, response_format="srt")
    assert text.startswith("1\n")
    assert instrumented.attributes["gen_ai.operation.name"] == "translation"
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


def test_speech_as_events_has_usage(instrumented: Recording) -> None:
    usage = {"input_tokens": 5, "output_tokens": 60, "total_tokens": 65}
    with serving(
        chat_events({"type": "speech.audio.delta", "audio": "aGk="}, {"type": "speech.audio.done", "usage": usage})
    ) as server:
        speech = openai_client(server.url).audio.speech.with_streaming_response
        with speech.create(model="gpt-4o-mini-tts", voice="alloy", input="Hi", stream_format="sse") as response:
            assert b"".join(response.iter_bytes())
    assert counts_of(instrumented.only) == {
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 60,
        "gen_ai.usage.audio.output_tokens": 60,
    }
    assert instrumented.attributes["spanledger.usage_status"] == "metered"


def test_a_raw_image_is_read(instrumented: Recording) -> None:
    with serving(answer({"created": 1, "data": [], "usage": IMAGE_USAGE})) as server:
        images = openai_client(server.url).images.with_raw_response
        assert images.generate(model="gpt-image-1", prompt="a parcel").parse().usage
    assert counts_of(instrumented.only) == IMAGE_COUNTS

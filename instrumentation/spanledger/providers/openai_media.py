"""OpenAI: images, speech, transcription, translation and moderation.

Newer models count tokens, split into text, audio and image. Of older ones the answer has no usage, or the seconds of
audio that are billed (API reference: create image, create transcription, create speech).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanledger._stainless import Endpoint
from spanledger.providers.openai_usage import items, read_identity, read_usage
from spanledger.usage import fields, get, put_seconds

if TYPE_CHECKING:
    from spanledger._reading import Reading

__all__ = ["MEDIA_ENDPOINTS"]

_LAST_IMAGE_EVENTS = frozenset({"image_generation.completed", "image_edit.completed"})


def read_images(answer: object, reading: Reading) -> None:
    """Generated or edited images; an event that completes a streamed one has the same usage."""
    usage = get(answer, "usage")
    images = len(list(items(get(answer, "data"))))
    if usage is None and images:  # DALL-E is billed by the image, its size and its quality: their number is known
        reading.usage["image"] = images
    read_usage(usage, reading)
    # Without details all of the output is image: "the number of image tokens in the output image".
    if "output" in reading.usage and get(usage, "output_tokens_details") is None:
        reading.usage["output_image"] = reading.usage["output"]
    if (svg := get(answer, "svg_usage")) is not None:
        counts = (f"{field}={get(svg, field)}" for field in ("model", "input_tokens", "output_tokens"))
        reading.evidence = "billed beside this usage: svg " + " ".join(counts)


def read_image_event(event: object, reading: Reading) -> None:
    """An event of a streamed image."""
    if get(event, "type") in _LAST_IMAGE_EVENTS:
        read_images(event, reading)
        reading.complete = True


def read_transcription(answer: object, reading: Reading) -> None:
    """A transcription or translation: tokens, or seconds of audio, or (as plain text and subtitles) no usage."""
    usage = get(answer, "usage")
    if get(usage, "type") == "duration":
        put_seconds(reading.usage, get(usage, "seconds"))
        reading.needs = ("second",)
    else:
        read_usage(usage, reading)


def read_transcription_event(event: object, reading: Reading) -> None:
    """An event of a streamed transcription."""
    kind = get(event, "type")
    if kind == "transcript.text.delta" and isinstance(delta := get(event, "delta"), str):
        reading.characters += len(delta)
    elif kind == "transcript.text.done":
        read_transcription(event, reading)
        reading.complete = True


def read_speech_event(event: object, reading: Reading) -> None:
    """An event of speech that is streamed as events; as plain audio it has no usage."""
    if get(event, "type") == "speech.audio.done":
        usage = get(event, "usage")
        read_usage(usage, reading)
        if "output" in reading.usage:
            reading.usage.setdefault("output_audio", reading.usage["output"])
        reading.complete = True


def read_no_speech(_answer: object, _reading: Reading) -> None:
    """Audio says nothing of its usage."""


def read_moderation(answer: object, reading: Reading) -> None:
    """A moderation, which has no usage (and is free of charge at OpenAI)."""
    read_identity(fields(answer), reading)


MEDIA_ENDPOINTS = (
    Endpoint("/images/generations", "image_generation", read_images, read_image_event),
    Endpoint("/images/edits", "image_generation", read_images, read_image_event),
    Endpoint("/images/variations", "image_generation", read_images, read_image_event),
    Endpoint("/audio/transcriptions", "transcription", read_transcription, read_transcription_event),
    Endpoint("/audio/translations", "translation", read_transcription, read_transcription_event),
    Endpoint("/audio/speech", "speech", read_no_speech, read_speech_event),
    Endpoint("/moderations", "moderation", read_moderation, read_moderation),
)

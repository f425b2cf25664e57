"""Captured messages become JSON that is always JSON, no longer than it may be, and nobody's objects are touched."""

import copy
import json
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from spanledger import _settings
from spanledger._settings import Capture
from spanledger.content.parts import binary, finish_reason, message, referred, text, tool_call
from spanledger.content.rendering import rendered

CAPTURE = Capture(on_spans=True, on_events=False)
VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def shown(*entries: object, longest: int | None = None, inline_bytes: int = 0) -> list[Any]:
    document = rendered(entries, Capture(on_spans=True, on_events=False, longest=longest, inline_bytes=inline_bytes))
    assert longest is None or len(document) <= longest
    return json.loads(document)


# Which mode


@pytest.mark.parametrize(
    ("mode", "on_spans", "on_events"),
    [
        ("SPAN_ONLY", True, False),
        ("span_only", True, False),
        (" Event_Only ", False, True),
        ("SPAN_AND_EVENT", True, True),
        ("true", True, False),
        ("True", True, False),
        ("1", True, False),
    ],
)
def test_modes(mode: str, on_spans: bool, on_events: bool) -> None:
    assert _settings.load({VARIABLE: mode}).capture == Capture(on_spans, on_events)


@pytest.mark.parametrize("mode", ["", " ", "NO_CONTENT", "no_content", "false", "FALSE", "0", "off", "no"])
def test_off(mode: str) -> None:
    assert _settings.load({VARIABLE: mode}).capture is None
    assert _settings.load({}).capture is None


def test_an_unknown_mode_is_said_once_and_captures_nothing(caplog: pytest.LogCaptureFixture) -> None:
    _settings._complain.cache_clear()  # pyright: ignore[reportPrivateUsage]  # another test may have heard it
    for _ in range(2):
        assert _settings.load({VARIABLE: "EVERYTHING"}).capture is None
    [record] = caplog.records
    assert VARIABLE in record.getMessage()
    assert "SPAN_AND_EVENT" in record.getMessage()


def test_limits() -> None:
    on = {VARIABLE: "SPAN_ONLY"}
    general, special = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    assert _settings.load({**on, general: "400"}).capture == Capture(True, False, longest=400)
    assert _settings.load({**on, general: "400", special: "90"}).capture == Capture(True, False, longest=90)
    assert _settings.load({**on, "SPANLEDGER_CONTENT_INLINE_BYTES": "64"}).capture == Capture(
        True, False, inline_bytes=64
    )
    assert _settings.load({**on, general: "many"}).capture == CAPTURE


# Data


@pytest.mark.parametrize(
    ("content", "size"), [("QUJDRA==", 4), ("QUJD", 3), ("QUI=", 2), (b"ABCD", 4), (bytearray(b"AB"), 2), ("", 0)]
)
def test_data_is_described(content: object, size: int) -> None:
    [part] = shown(binary("image/png", content), inline_bytes=-1)
    assert part == {"type": "blob", "modality": "image", "mime_type": "image/png", "byte_size": size}


def test_small_data_is_kept_in_base64() -> None:
    parts = shown(
        binary("audio/wav", b"ABCD"), binary("audio/wav", "QUJDRA=="), binary("x/y", b"ABCDE"), inline_bytes=4
    )
    assert [part.get("content") for part in parts] == ["QUJDRA==", "QUJDRA==", None]


def test_a_data_url_is_data() -> None:
    assert shown(referred("data:image/jpeg;base64,QUJD", modality="image")) == [
        {"type": "blob", "modality": "image", "mime_type": "image/jpeg", "byte_size": 3}
    ]
    assert shown(referred("https://example.org/a.png", modality="image")) == [
        {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"}
    ]


def test_data_in_parts_that_nobody_knows() -> None:
    odd = {"type": "screenshot", "image_url": "data:image/png;base64,QUJDRA==", "text": "data: none"}
    other = {"type": "image", "mimeType": "image/png", "data": "QUJDRA=="}
    assert shown({"type": "x", "content": [odd, other]}) == [
        {
            "type": "x",
            "content": [
                {"type": "screenshot", "image_url": "data:image/png;base64,…", "text": "data: none"},
                {"type": "image", "mimeType": "image/png", "byte_size": 4},
            ],
        }
    ]
    assert shown(odd, other, inline_bytes=4) == [odd, other]


# What is no JSON


class Model(BaseModel, extra="allow"):
    name: str
    inner: object = None


def endless() -> Iterator[int]:
    while True:
        yield 1


def test_objects_are_their_fields_and_nothing_is_iterated() -> None:
    generator: Generator[str] = (letter for letter in "ab")
    model = Model.model_validate({"name": "n", "inner": Model(name="m"), "more": 3})
    arguments = {"model": model, "many": endless(), "few": generator, "nan": float("nan"), "raw": b"abc", 7: object()}
    assert shown(tool_call("c", "t", arguments)) == [
        {
            "type": "tool_call",
            "id": "c",
            "name": "t",
            "arguments": {
                "model": {"name": "n", "inner": {"name": "m"}, "more": 3},
                "many": "generator",
                "few": "generator",
                "nan": "nan",
                "raw": {"byte_size": 3},
                "7": "object",
            },
        }
    ]
    assert list(generator) == ["a", "b"]


def test_half_of_a_surrogate_pair_can_be_sent() -> None:
    assert shown(text("a\ud83d")) == [text("a?")]
    assert shown(text("Gent \N{PACKAGE}")) == [text("Gent \N{PACKAGE}")]


# Too long


def test_long_texts_are_cut_before_messages_are_left_out() -> None:
    messages = [message("user", [text("x" * 500)]), message("assistant", [text("short")])]
    first, last = shown(*messages, longest=400)
    assert first["role"] == "user"
    assert first["parts"][0]["content"] == "x" * 199 + "…"
    assert last == messages[1]


def test_the_newest_messages_stay() -> None:
    messages = [message("user", [text(f"number {number}")]) for number in range(50)]
    kept = shown(*messages, longest=500)
    assert kept
    assert kept == messages[-len(kept) :]
    assert shown(*messages, longest=10) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)
PARTS = st.builds(text, st.text(max_size=300)) | st.builds(tool_call, st.text(max_size=9), st.text(max_size=9), JSON)


@given(st.lists(st.builds(message, st.just("user"), st.lists(PARTS, max_size=3)), max_size=6), st.integers(2, 600))
def test_what_is_written_is_json_and_fits(messages: list[Any], longest: int) -> None:
    before = copy.deepcopy(messages)
    document = rendered(messages, Capture(on_spans=True, on_events=False, longest=longest))
    assert len(document) <= longest
    assert len(json.loads(document)) <= len(messages)
    assert repr(messages) == repr(before)


WORDS = {
    "STOP": "stop",
    "end_turn": "stop",
    "MAX_TOKENS": "length",
    "tool_use": "tool_call",
    "tool_calls": "tool_call",
    "SAFETY": "content_filter",
    "RECITATION": "recitation",
    "": None,
    None: None,
}


@pytest.mark.parametrize(("reason", "word"), WORDS.items())
def test_the_reason_for_an_end_is_the_conventions_word(reason: object, word: str | None) -> None:
    assert finish_reason(reason) == word

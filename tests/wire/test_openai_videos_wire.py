"""Videos of the OpenAI SDK against a scripted server: seconds count when a video is done, once."""

from typing import Any
from uuid import uuid4

import pytest
from wire_openai import openai_async_client, openai_client
from wire_recording import Recording, attributes_of
from wire_scripted import Script, answer, serving
from wire_sdk_contract import counts_of


def video(name: str, status: str = "queued", **more: object) -> Script:
    known = {"id": name, "object": "video", "created_at": 1_780_000_000, "model": "sora-2-pro", "progress": 0}
    return answer({**known, "status": status, "seconds": "8", "size": "1024x1792", **more})


pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture
def name() -> str:
    """What this process has not counted yet."""
    return f"video_{uuid4().hex}"


def test_a_video_is_counted_once_when_it_is_done(instrumented: Recording, name: str) -> None:
    states = ("queued", "in_progress", "completed", "completed")
    with serving(*(video(name, status) for status in states)) as server:
        client: Any = openai_client(server.url)
        client.videos.create(model="sora-2-pro", prompt="a parcel")
        for _ in states[1:]:
            client.videos.retrieve(name)
    made, done = map(attributes_of, instrumented.spans)
    assert made["gen_ai.operation.name"] == done["gen_ai.operation.name"] == "video_generation"
    assert made["spanledger.usage_status"] == "unmetered"
    assert "its seconds come when it is retrieved" in str(made["spanledger.usage_evidence"])
    assert counts_of(instrumented.spans[1]) == {"spanledger.usage.second": 8}
    assert done["spanledger.usage_status"] == "metered"
    assert done["spanledger.usage_evidence"] == "size 1024x1792"
    assert done["gen_ai.response.id"] == made["gen_ai.response.id"] == name


async def test_asynchronously_with_the_helper_that_polls(instrumented: Recording, name: str) -> None:
    with serving(video(name), video(name, "completed")) as server:
        client: Any = openai_async_client(server.url)
        await client.videos.create_and_poll(model="sora-2", prompt="a parcel", poll_interval_ms=1)
    assert [counts_of(span) for span in instrumented.spans] == [{}, {"spanledger.usage.second": 8}]


@pytest.mark.parametrize("way", ["remix", "edit"])
def test_videos_made_of_others_count(instrumented: Recording, name: str, way: str) -> None:
    with serving(video(name), video(name, "completed")) as server:
        client: Any = openai_client(server.url)
        if way == "remix":
            client.videos.remix("video_1", prompt="at night")
        else:
            client.videos.edit(prompt="at night", video=b"a video")
        client.videos.retrieve(name)
    assert [counts_of(span) for span in instrumented.spans] == [{}, {"spanledger.usage.second": 8}]


def test_the_seconds_of_an_extension_are_not_known(instrumented: Recording, name: str) -> None:
    with serving(video(name), video(name, "completed", seconds="16")) as server:
        client: Any = openai_client(server.url)
        client.videos.extend(prompt="longer", seconds="8", video=b"a video")
        client.videos.retrieve(name)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"
    assert "an extension" in str(instrumented.attributes["spanledger.usage_evidence"])


@pytest.mark.parametrize("status", ["failed", "in_progress"])
def test_what_is_not_done_is_not_counted(instrumented: Recording, name: str, status: str) -> None:
    with serving(video(name), video(name, status)) as server:
        client: Any = openai_client(server.url)
        client.videos.create(model="sora-2", prompt="a parcel")
        client.videos.retrieve(name)
    assert instrumented.attributes["spanledger.usage_status"] == "unmetered"


def test_videos_that_others_made_are_theirs_to_count(instrumented: Recording, name: str) -> None:
    """One may be an extension, which does not say so."""
    with serving(video(name, "completed")) as server:
        client: Any = openai_client(server.url)
        client.videos.retrieve(name)
    assert not instrumented.spans

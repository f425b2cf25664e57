"""Whatever a provider or an application sends, the readers of content take what they know and never fail."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger import content
from spanledger._settings import Capture
from spanledger.content import (
    anthropic,
    chat,
    cohere,
    conversations,
    converse,
    gemini,
    interactions,
    invoke,
    ollama,
    responses,
    xai,
)
from spanledger.content.parts import Form
from spanledger.content.rendering import rendered

CAPTURE = Capture(on_spans=True, on_events=True)
FORMS = {
    "anthropic": anthropic.MESSAGES,
    "chat": chat.CHAT,
    "completion": chat.COMPLETION,
    "cohere": cohere.CHAT,
    "cohere_v1": cohere.CHAT_V1,
    "cohere_generate": cohere.GENERATE,
    "conversations": conversations.CONVERSATIONS,
    "converse": converse.CONVERSE,
    "gemini": gemini.GENERATE,
    "interactions": interactions.INTERACTIONS,
    "ollama": ollama.CHAT,
    "ollama_generate": ollama.GENERATE,
    "responses": responses.RESPONSES,
}
NAMES = (
    "arguments candidates chat_history choices code_execution content content_block contentBlockDelta "
    "contentBlockIndex contentBlockStart contents delta event_type file file_data file_id finish_reason function "
    "function_call functionCall functionDeclarations functionResponse generations id image image_url index "
    "inlineData input input_audio instructions item message messages messageStop name output output_index outputs "
    "result status step steps summary uri "
    "parameters parts prompt reasoning reasoning_content reasoningContent response role source start system "
    "system_instruction text thinking thought tool_call_id tool_calls tool_plan tool_results toolConfig toolResult "
    "tools toolUse toolUseId type"
)
KINDS = (
    "assistant content-delta content-start content_block_delta content_block_start custom document file function "
    "function.call function.call.delta function_call function_call_output image image_url input_audio input_image "
    "input_text message message.output message.output.delta message_delta output_text reasoning response.completed "
    "response.output_item.added response.output_text.delta stream-end text text-generation thinking tool "
    "tool-call-delta tool-call-start tool_result tool_use user "
    "step.start step.delta interaction.completed model_output thought function_result google_search_call "
    "google_search_result completed"
)
KNOWN = st.sampled_from(KINDS.split(" "))
NAMED = st.sampled_from(NAMES.split(" "))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats()
    | st.sampled_from(KINDS.split(" "))
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=4),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(NAMED, JSON, max_size=5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@settings(max_examples=40)
@given(request=DOCUMENTS, answer=JSON, chunks=st.lists(JSON, max_size=4))
def test_no_shape_is_too_odd(form: Form, request: dict[str, Any], answer: object, chunks: list[object]) -> None:
    prompt = form.read_request(request)
    rendered([*prompt.messages, *prompt.system, *prompt.tools], CAPTURE)
    rendered(form.read_answer(answer), CAPTURE)
    gathered = form.gathering()
    for chunk in chunks:
        gathered.add(chunk)
    rendered(form.read_answer(gathered.answer()), CAPTURE)


@given(answer=JSON, documents=st.lists(DOCUMENTS, max_size=3))
def test_no_body_of_a_maker_is_too_odd(answer: object, documents: list[dict[str, Any]]) -> None:
    rendered(invoke.INVOKE.read_answer(answer), CAPTURE)
    gathered = invoke.INVOKE.gathering()
    for document in documents:
        gathered.add(document)
    rendered(invoke.INVOKE.read_answer(gathered.answer()), CAPTURE)


def test_the_table_of_formats_is_right_and_loaded_late() -> None:
    formats = [known for known in vars(content).values() if isinstance(known, content.Format)]
    assert len(formats) == len(set(formats)) > 10
    assert all(isinstance(known.form(), Form) for known in formats)
    code = """
import sys
import spanledger.providers
spanledger.providers.SDKS
print([name for name in sys.modules if name.startswith("spanledger.content.") or name == "spanledger._content"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("body", [None, 7, b'{"prompt": 3}', '{"messages": null}', bytearray(b"{}")])
def test_a_body_that_is_no_text_or_says_nothing(body: object) -> None:
    prompt = invoke.INVOKE.read_request({"modelId": "m", "body": body})
    assert (prompt.messages, prompt.system, prompt.tools) == ([], [], [])


def test_a_block_that_botocore_is_too_old_for_is_named() -> None:
    content = [{"SDK_UNKNOWN_MEMBER": {"name": "reasoningContent"}}, {"text": "In Ghent."}]
    [said] = converse.CONVERSE.read_answer({"output": {"message": {"role": "assistant", "content": content}}})
    assert said["parts"] == [{"type": "reasoningContent"}, {"type": "text", "content": "In Ghent."}]


def test_what_xai_did_itself_is_no_call_of_the_applications() -> None:
    def called(kind: str, name: str) -> dict[str, Any]:
        return {"id": name, "type": f"TOOL_CALL_TYPE_{kind}_TOOL", "function": {"name": name, "arguments": "{}"}}

    done, asked = called("WEB_SEARCH", "web_search"), called("CLIENT_SIDE", "track")
    [said] = xai.CHAT.read_request({"messages": [{"role": "ROLE_ASSISTANT", "tool_calls": [done, asked]}]}).messages
    details = {"type": done["type"], "function": done["function"]}
    assert said["parts"] == [
        {"type": "server_tool_call", "id": "web_search", "name": "web_search", "server_tool_call": details},
        {"type": "tool_call", "id": "track", "name": "track", "arguments": {}},
    ]

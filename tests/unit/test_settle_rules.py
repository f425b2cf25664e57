"""The rules of counting once, one by one."""

from typing import Any

from tests.observed import NATIVE, OWN, links_of, make_span, observations_of

from spanledger_collector.model import AttributeValue, Call, ReceivedSpan, Scope
from spanledger_collector.settle import settle

_FRAMEWORK = Scope("pydantic-ai", "2")
_OTHER = Scope("somebody.else", "1")


def _chat(
    scope: Scope = OWN,
    *,
    tokens: tuple[int, int] | None = (100, 50),
    answer: str | None = None,
    operation: str = "chat",
    more: dict[str, AttributeValue] | None = None,
    **span: Any,  # noqa: ANN401 - the rest of what `make_span` takes
) -> ReceivedSpan:
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
    }
    if tokens is not None:
        said |= {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    if answer is not None:
        said["gen_ai.response.id"] = answer
    return make_span(said | (more or {}), scope, **span)


def _settled(*spans: ReceivedSpan) -> list[Call]:
    return settle(observations_of(spans), links_of(spans))


def _usage(calls: list[Call]) -> list[tuple[int, int]]:
    return sorted((int(call.meters.get("input", 0)), int(call.meters.get("output", 0))) for call in calls)


def test_a_call_without_usage_is_unmetered_and_stays() -> None:
    (call,) = _settled(_chat(tokens=None))
    assert (call.usage_status, call.meters) == ("unmetered", {})


def test_a_framework_span_without_usage_is_the_call_of_the_sdk_span_in_it() -> None:
    outer = _chat(_FRAMEWORK, tokens=None, more={"session.id": "s"})
    (call,) = _settled(outer, _chat(span=2, parent=1, start=0.1, end=0.9))
    assert (call.span_id[-1], call.usage_status, call.attribution.session) == (2, "metered", "s")


def test_a_framework_span_with_usage_meters_the_sdk_span_in_it() -> None:
    (call,) = _settled(_chat(_FRAMEWORK), _chat(tokens=None, span=2, parent=1, answer="chatcmpl-aaaaaaaa"))
    assert (call.usage_status, call.response_id) == ("metered", "chatcmpl-aaaaaaaa")


def test_a_framework_span_over_several_calls_is_none_itself() -> None:
    outer = _chat(_FRAMEWORK, tokens=None, end=9, more={"session.id": "s"})
    calls = _settled(outer, _chat(span=2, parent=1, start=1, end=2), _chat(span=3, parent=1, start=3, end=4))
    assert len(calls) == 2
    assert all(call.attribution.session == "s" for call in calls)


def test_the_sum_over_several_calls_is_a_check() -> None:
    outer = _chat(_FRAMEWORK, tokens=(300, 70), end=9)
    one = _chat(span=2, parent=1, start=1, end=2)
    two = _chat(span=3, parent=1, start=3, end=4, tokens=(200, 20))
    calls = _settled(outer, one, two)
    assert _usage(calls) == [(100, 50), (200, 20)]
    assert [source.part for source in calls[0].sources] == ["usage", "check"]


def test_a_failed_attempt_in_a_framework_span_stays_unmetered() -> None:
    failed = _chat(span=2, parent=1, tokens=None, more={"error.type": "503"}, start=0.1, end=0.2)
    calls = _settled(_chat(_FRAMEWORK), failed, _chat(span=3, parent=1, start=0.3, end=0.9))
    assert sorted(call.usage_status for call in calls) == ["metered", "unmetered"]
    assert next(call for call in calls if call.usage_status == "unmetered").error_type == "503"


def test_another_call_made_while_a_stream_is_open_is_another_call() -> None:
    stream = _chat(answer="chatcmpl-aaaaaaaa", end=9)
    inner = _chat(answer="chatcmpl-bbbbbbbb", tokens=(7, 3), span=2, parent=1, start=1, end=2)
    assert _usage(_settled(stream, inner)) == [(7, 3), (100, 50)]


def test_a_gateway_gives_the_answer_an_id_of_its_own() -> None:
    app = _chat(answer="chatcmpl-aaaaaaaa", end=9)
    gateway = _chat(NATIVE, answer="msg_bbbbbbbb", span=2, parent=1, start=1, end=2)
    (call,) = _settled(app, gateway)
    assert call.response_id == "msg_bbbbbbbb"


def test_an_ancestor_that_ended_long_before_did_not_see_the_call() -> None:
    assert len(_settled(_chat(_FRAMEWORK, end=1), _chat(span=2, parent=1, start=100, end=101))) == 2


def test_an_agent_in_the_process_is_a_check_on_the_calls_in_it() -> None:
    agent = _chat(_FRAMEWORK, operation="invoke_agent", kind=1, end=9, more={"gen_ai.agent.name": "helper"})
    calls = _settled(agent, _chat(span=2, parent=1, tokens=(60, 30)), _chat(span=3, parent=1, tokens=(40, 20)))
    assert _usage(calls) == [(40, 20), (60, 30)]
    assert all({"usage", "check"} == {source.part for source in call.sources} for call in calls)
    assert all(call.attribution.dimensions == {"agent": "helper"} for call in calls)


def test_an_agent_without_usage_below_it_is_the_only_record() -> None:
    agent = _chat(_FRAMEWORK, operation="invoke_agent", kind=1, end=9)
    workflow = _chat(_FRAMEWORK, operation="invoke_workflow", kind=1, span=9, end=9)
    below = _chat(_FRAMEWORK, operation="invoke_agent", kind=1, span=2, parent=9, end=9)
    (call,) = _settled(agent, _chat(span=3, parent=1, tokens=None))
    assert (_usage([call]), call.flags) == ([(100, 50)], ("from_aggregate",))
    (call,) = _settled(workflow, below)
    assert call.span_id[-1] == 2


def test_what_lies_between_need_not_be_about_models() -> None:
    outer = _chat(_FRAMEWORK, parent=8, tokens=None, end=9)
    between = make_span({"http.request.method": "POST"}, span=2, parent=1)
    assert len(_settled(outer, between, _chat(span=3, parent=2))) == 1
    assert len(_settled(outer, _chat(span=3, parent=2))) == 2


def test_a_tool_is_no_call() -> None:
    assert _settled(_chat(operation="execute_tool")) == []


def test_the_same_answer_in_two_traces_is_one_call() -> None:
    (call,) = _settled(
        _chat(_FRAMEWORK, trace=1, answer="chatcmpl-aaaaaaaa", more={"user.id": "ann"}),
        _chat(trace=2, start=0.2, end=0.8, answer="chatcmpl-aaaaaaaa"),
    )
    assert (call.dialect, call.attribution.user) == ("spanledger", "ann")


def test_an_answer_from_a_cache_is_free_and_flagged() -> None:
    first = _chat(trace=1, answer="chatcmpl-aaaaaaaa")
    again = _chat(trace=2, start=500_000, end=500_001, answer="chatcmpl-aaaaaaaa")
    calls = _settled(first, again)
    assert [(call.flags, bool(call.meters)) for call in calls] == [((), True), (("cache_replay",), False)]


def test_the_same_id_with_other_counts_is_no_answer_from_a_cache() -> None:
    first = _chat(trace=1, answer="chatcmpl-aaaaaaaa")
    other = _chat(trace=2, start=50, end=51, answer="chatcmpl-aaaaaaaa", tokens=(1, 1))
    calls = _settled(first, other)
    assert _usage(calls) == [(1, 1), (100, 50)]
    assert len({call.call_id for call in calls}) == 2


def test_usage_that_is_fetched_later_is_of_the_call_that_was_answered_without() -> None:
    asked = _chat(trace=1, tokens=None, answer="resp_aaaaaaaaaa", more={"user.id": "ann"})
    polled = _chat(trace=2, start=30, end=31, tokens=None, answer="resp_aaaaaaaaaa")
    fetched = _chat(trace=3, start=60, end=61, answer="resp_aaaaaaaaaa")
    again = _chat(trace=4, start=90, end=91, answer="resp_aaaaaaaaaa")
    calls = _settled(asked, polled, fetched, again)
    assert [(call.flags, call.attribution.user, bool(call.meters)) for call in calls] == [
        (("cache_replay",), None, False),
        ((), "ann", True),
        (("cache_replay",), None, False),
    ]
    assert len({call.call_id for call in calls}) == 3


def test_numbers_that_a_local_server_counts_are_no_ids() -> None:
    calls = [_chat(trace=trace, start=trace * 20, end=trace * 20 + 1, answer="chatcmpl-417") for trace in (1, 2)]
    assert [call.flags for call in _settled(*calls)] == [(), ()]


def test_the_same_id_of_different_providers_is_two_calls() -> None:
    one = _chat(trace=1, answer="0123456789abcdef")
    other = _chat(trace=2, answer="0123456789abcdef", more={"gen_ai.provider.name": "mistral_ai"})
    assert len(_settled(one, other)) == 2


def test_another_process_is_no_twin() -> None:
    mine = _chat(_FRAMEWORK, trace=1)
    theirs = _chat(trace=2, start=0.2, end=0.8, resource={"service.name": "shop", "service.instance.id": "two"})
    assert len(_settled(mine, theirs)) == 2


def test_a_record_that_begins_with_the_first_chunk_is_a_twin_of_the_whole_call() -> None:
    whole = _chat(NATIVE, trace=1, start=0, end=2, answer="msg_aaaaaaaa")
    (call,) = _settled(whole, _chat(_FRAMEWORK, trace=2, start=0.5, end=2.1))
    assert call.flags == ("probable_duplicate",)
    assert len(_settled(whole, _chat(_FRAMEWORK, trace=2, start=1.9, end=3))) == 2


def test_records_that_look_back_farther_than_their_call_are_paired_with_the_one_that_ended_with_them() -> None:
    calls = [_chat(NATIVE, span=n, start=n, end=n + 0.9, answer=f"msg_{n}aaaaaaa") for n in (1, 2)]
    records = [_chat(_FRAMEWORK, span=n + 2, start=n - 0.5, end=n + 0.95) for n in (1, 2)]
    settled = _settled(*calls, *records)
    assert [len(call.sources) for call in settled] == [2, 2]


def test_a_call_that_failed_before_two_emitters_is_one_call() -> None:
    failed: dict[str, AttributeValue] = {"error.type": "NotFoundError"}
    outer = _chat(_FRAMEWORK, trace=1, tokens=None, more=failed)
    inner = _chat(trace=2, start=0.2, end=0.8, tokens=None, more={**failed, "gen_ai.request.model": "openai/gpt-5"})
    (call,) = _settled(outer, inner)
    assert (call.error_type, call.meters, call.flags) == ("NotFoundError", {}, ("probable_duplicate",))


def test_a_stream_that_neither_of_two_emitters_could_meter_is_one_call() -> None:
    outer = _chat(
        _FRAMEWORK, trace=1, tokens=None, answer="lc_run--0123456789", more={"gen_ai.response.model": "gpt-5"}
    )
    dated: dict[str, AttributeValue] = {"gen_ai.request.model": "gpt-5-2025-08-07"}
    (call,) = _settled(outer, _chat(trace=2, start=0.1, end=0.9, tokens=None, answer="chatcmpl-aaaaaaaa", more=dated))
    assert (call.usage_status, call.response_id) == ("unmetered", "chatcmpl-aaaaaaaa")
    (own,) = _settled(outer)
    assert own.response_id is None


def test_failures_that_only_one_emitter_saw_are_calls_each() -> None:
    failed: dict[str, AttributeValue] = {"error.type": "NotFoundError"}
    outer = _chat(_FRAMEWORK, trace=1, tokens=None, more=failed)
    again = [_chat(trace=2, span=number, start=number / 10, end=0.9, tokens=None, more=failed) for number in (2, 3)]
    assert len(_settled(outer, *again)) == 2
    other_model = {**failed, "gen_ai.request.model": "gpt-4o"}
    assert len(_settled(outer, _chat(trace=2, tokens=None, more=other_model))) == 2
    succeeded = _chat(trace=2)
    assert len(_settled(outer, succeeded)) == 2


def test_a_measured_count_goes_before_an_estimate_and_a_valid_one_before_nonsense() -> None:
    estimated = _chat(NATIVE, tokens=(90, 40), more={"spanledger.usage_status": "estimated"}, end=9)
    (call,) = _settled(estimated, _chat(span=2, parent=1))
    assert (call.usage_status, _usage([call])) == ("metered", [(100, 50)])
    assert "sources_disagree" in call.flags
    odd = _chat(NATIVE, tokens=(-1, 50), end=9)
    (call,) = _settled(odd, _chat(_OTHER, span=2, parent=1))
    assert _usage([call]) == [(100, 50)]


def test_the_call_keeps_its_name_when_more_is_told_of_it() -> None:
    inner = _chat(span=2, parent=1, answer="chatcmpl-aaaaaaaa")
    (alone,) = _settled(inner)
    (told,) = _settled(inner, _chat(_FRAMEWORK, answer="chatcmpl-aaaaaaaa"))
    assert alone.call_id == told.call_id
    (alone,) = _settled(_chat(span=2, parent=1))
    (told,) = _settled(_chat(span=2, parent=1), _chat(_FRAMEWORK))
    assert alone.call_id == told.call_id


def test_spans_in_a_circle_end() -> None:
    calls = _settled(_chat(span=1, parent=2), _chat(_FRAMEWORK, span=2, parent=1, tokens=None))
    assert _usage(calls) == [(100, 50)]

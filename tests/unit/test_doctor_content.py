"""What the doctor says of prompts and completions: whether they are captured, how much of them, by which variable."""

from collections.abc import Mapping

import pytest

from spanledger._report import PatchReport, report
from spanledger_collector.cli.checks.content import check_content
from spanledger_collector.cli.checks.finding import Finding

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
INLINE = "SPANLEDGER_CONTENT_INLINE_BYTES"
XAI = "XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES"


def only(environment: Mapping[str, str]) -> Finding:
    """The one finding where no SDK is installed."""
    [finding] = check_content(environment, [])
    assert finding.about == "content"
    return finding


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({}, f"{VARIABLE} is not set"),
        ({VARIABLE: " "}, f"{VARIABLE} is not set"),
        ({VARIABLE: "no_content"}, f"{VARIABLE}=no_content"),
        ({VARIABLE: "False"}, f"{VARIABLE}=False"),
        ({VARIABLE: "SPAN_ONLY", "SPANLEDGER_ENABLED": "no"}, f"{VARIABLE}=SPAN_ONLY"),
    ],
)
def test_nothing_is_captured(environment: Mapping[str, str], why: str) -> None:
    finding = only(environment)
    assert finding.level == "ok"
    assert finding.seen.startswith(f"prompts and completions are not captured: {why}")


def test_a_switched_off_instrumentation_is_the_reason() -> None:
    assert "switched off" in only({VARIABLE: "SPAN_ONLY", "USAGE_TRACKING_ENABLED": "0"}).seen
    assert "switched off" not in only({"SPANLEDGER_ENABLED": "yes"}).seen


def test_a_value_that_says_nothing_is_named_with_those_that_do() -> None:
    finding = only({VARIABLE: "EVERYTHING"})
    assert finding.level == "note"
    assert finding.seen == f"prompts and completions are not captured: {VARIABLE}=EVERYTHING is no such mode"
    assert "SPAN_AND_EVENT" in finding.remedy


@pytest.mark.parametrize(
    ("mode", "where"),
    [
        ("SPAN_ONLY", "on spans"),
        ("true", "on spans"),
        ("EVENT_ONLY", "in events"),
        ("span_and_event", "on spans and in events"),
    ],
)
def test_where_they_go(mode: str, where: str) -> None:
    finding = only({VARIABLE: mode})
    assert finding.level == "note"
    assert finding.seen.startswith(f"prompts and completions are captured {where} ({VARIABLE}={mode}), in full length")
    assert finding.remedy


@pytest.mark.parametrize(
    ("limits", "cut"),
    [
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4000"}, "cut to 4,000 characters (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT)"),
        (
            {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4000", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "90"},
            "cut to 90 characters (OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT)",
        ),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "many"}, "in full length"),
    ],
)
def test_how_much_of_them(limits: Mapping[str, str], cut: str) -> None:
    assert f", {cut};" in only({VARIABLE: "SPAN_ONLY", **limits}).seen


def test_what_becomes_of_images() -> None:
    assert f"images, audio and files are described, not kept ({INLINE})" in only({VARIABLE: "SPAN_ONLY"}).seen
    assert f"kept up to 2,048 bytes ({INLINE})" in only({VARIABLE: "SPAN_ONLY", INLINE: "2048"}).seen


def test_events_without_an_exporter_are_said_to_be_lost() -> None:
    environment = {VARIABLE: "EVENT_ONLY", "OTEL_LOGS_EXPORTER": "none"}
    _, lost = check_content(environment, [])
    assert lost.seen.startswith("OTEL_LOGS_EXPORTER=none")
    assert len(check_content({**environment, VARIABLE: "SPAN_ONLY"}, [])) == 1
    assert len(check_content({**environment, "OTEL_LOGS_EXPORTER": "otlp"}, [])) == 1


def installed(version: str | None) -> list[PatchReport]:
    """The report of an SDK that writes prompts by itself, in this version."""
    switch = XAI if version is not None else None
    return [PatchReport("xai-sdk", version, ">=1.4,<2", version is not None, "xai_sdk", switch, ())]


def test_an_sdk_that_writes_them_by_itself_is_named() -> None:
    _, found = check_content({}, installed("1.21.0"))
    assert found.level == "note"
    assert found.seen.startswith("xai-sdk writes prompts and completions to its own spans by itself")
    assert XAI in found.seen
    assert len(check_content({XAI: "1"}, installed("1.21.0"))) == 1
    assert len(check_content({}, installed(None))) == 1


def test_the_report_says_which_switch_an_sdk_has() -> None:
    switches = {facts.sdk: facts.content_switch for facts in report() if facts.installed}
    assert switches.get("xai-sdk", XAI) == XAI
    assert switches["openai"] is None

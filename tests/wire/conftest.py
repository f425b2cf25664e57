"""What the wire tests share: the instrumentation switched on, and the spans that come out of it."""

import gc
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from opentelemetry import trace
from tests.documented import is_documented

import provider_server
from provider_server import ProviderServer
from spanledger.instrumentor import SpanLedgerInstrumentor

pytest.register_assert_rewrite("wire_content", "wire_content_chat", "wire_contract", "wire_recording")
sys.path.insert(0, str(Path(__file__).parent))

from wire_recording import Recording  # noqa: E402  # found through the path just set


@pytest.fixture(scope="package", autouse=True)
def few_objects_to_collect() -> None:
    """The tests collect garbage often; what the SDKs consist of need not be looked at each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Generator[Recording]:
    """A fresh tracer provider that is the global one during the test, without the instrumentation.

    At the end every attribute on spans of ours must be one that docs/attributes.md has.
    """
    recording = Recording()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recording.provider)
    yield recording
    assert {name for name in recording.own_attribute_names() if not is_documented(name)} == set()


@pytest.fixture
def instrumented(recording: Recording) -> Generator[Recording]:
    """The same with the instrumentation switched on."""
    instrumentor = SpanLedgerInstrumentor()
    instrumentor.instrument()
    yield recording
    instrumentor.uninstrument()


@pytest.fixture(scope="package")
def provider() -> Generator[ProviderServer]:
    """One local provider for all wire tests: what a test looks at is the last record."""
    with provider_server.running() as server:
        yield server

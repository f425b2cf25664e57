"""How exact the instrumentation is on recorded exchanges: each is replayed to the real SDK, and its span compared.

    python benchmarks/exactness.py CORPUS_DIRECTORY [--show 10] [--asynchronous]

The directory holds `exchanges.jsonl.gz` (one exchange with its true usage a line) and `replay_server.py`, which
serves them. Printed for each provider and endpoint: exchanges with true usage that the bare SDK can parse; how many
gave exactly one span with every true count on it; and, for those without, how many gave one that says `unmetered`.
"""

import argparse
import asyncio
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anthropic
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanledger.instrumentor import SpanLedgerInstrumentor
from spanledger.meters import METER_BY_NAME

Exchange = Mapping[str, Any]

METER_BY_TRUTH = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "cache_write_5m": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "reasoning": "reasoning",
    "audio_in": "input_audio",
    "audio_out": "output_audio",
    "image_in": "input_image",
    "image_out": "output_image",
    "tool_web_search_requests": "web_search",
}
TIERS = ("openai.response.service_tier", "anthropic.response.service_tier", "spanledger.service_tier")
MESSAGES = [{"role": "user", "content": "hello"}]
SOUND = ("sound.wav", b"a sound", "audio/wav")

Method = Callable[[Any], Callable[..., Any]]


@dataclass(frozen=True)
class Endpoint:
    """How to call an endpoint of an SDK: where its method is, and the least arguments, `model` apart if it has one."""

    method: Method
    arguments: Mapping[str, object]
    anthropic: bool = False
    names_model: bool = True


ENDPOINTS = {
    "chat.completions": Endpoint(lambda client: client.chat.completions.create, {"messages": MESSAGES}),
    "responses": Endpoint(lambda client: client.responses.create, {"input": "hello"}),
    "embeddings": Endpoint(lambda client: client.embeddings.create, {"input": "hello", "encoding_format": "float"}),
    "completions": Endpoint(lambda client: client.completions.create, {"prompt": "hello"}),
    "messages": Endpoint(
        lambda client: client.messages.create, {"messages": MESSAGES, "max_tokens": 9}, anthropic=True
    ),
    "images": Endpoint(lambda client: client.images.generate, {"prompt": "hello"}),
    "moderations": Endpoint(lambda client: client.moderations.create, {"input": "hello"}),
    "audio.transcriptions": Endpoint(lambda client: client.audio.transcriptions.create, {"file": SOUND}),
    "audio.translations": Endpoint(lambda client: client.audio.translations.create, {"file": SOUND}),
    "responses.retrieve": Endpoint(
        lambda client: client.responses.retrieve, {"response_id": "resp_1"}, names_model=False
    ),
    "assistants.retrieve": Endpoint(
        lambda client: client.beta.threads.runs.retrieve,
        {"run_id": "run_1", "thread_id": "thread_1"},
        names_model=False,
    ),
    "assistants": Endpoint(
        lambda client: client.beta.threads.runs.create,
        {"assistant_id": "asst_1", "thread_id": "thread_1"},
        names_model=False,
    ),
}


def endpoint_of(exchange: Exchange) -> str:
    """The endpoint of an exchange, where one name in the recordings stands for two of the SDK's methods."""
    name = exchange["endpoint"]
    if name == "assistants" and exchange["method"] == "GET":
        return "assistants.retrieve"
    if name == "audio.transcriptions" and exchange["path"].endswith("/translations"):
        return "audio.translations"
    return name


class Replay:
    """The replay server, and SDK clients that ask it for one exchange."""

    def __init__(self, corpus: Path, *, asynchronous: bool) -> None:
        spec = importlib.util.spec_from_file_location("replay_server", corpus / "replay_server.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._server = module.start(str(corpus / "exchanges.jsonl.gz"))
        self._asynchronous = asynchronous
        self.exchanges: list[Exchange] = list(self._server.ex.values())

    def ask(self, exchange: Exchange) -> None:
        """Make the call that was recorded and read its answer to the end."""
        endpoint = ENDPOINTS[endpoint_of(exchange)]
        url = self._server.url(exchange["id"])
        arguments = dict(endpoint.arguments)
        if endpoint.names_model:
            arguments["model"] = exchange.get("request_model") or "unknown"
        if exchange["streaming"]:
            arguments["stream"] = True
        if self._asynchronous:
            asyncio.run(self._ask_async(endpoint, url, arguments))
            return
        kind = anthropic.Anthropic if endpoint.anthropic else openai.OpenAI
        with kind(base_url=url, api_key="none", max_retries=0) as client:
            answer = endpoint.method(client)(**arguments)
            if exchange["streaming"]:
                for _ in answer:
                    pass

    async def _ask_async(self, endpoint: Endpoint, url: str, arguments: Mapping[str, object]) -> None:
        kind = anthropic.AsyncAnthropic if endpoint.anthropic else openai.AsyncOpenAI
        async with kind(base_url=url, api_key="none", max_retries=0) as client:
            answer = await endpoint.method(client)(**arguments)
            if "stream" in arguments:
                async for _ in answer:
                    pass


def parsed_by_the_bare_sdk(replay: Replay, exchange: Exchange) -> bool:
    try:
        replay.ask(exchange)
    except Exception:  # noqa: BLE001  # whatever the SDK raises: it cannot read this exchange
        return False
    return True


def differences(exchange: Exchange, spans: list[ReadableSpan]) -> Iterator[str]:
    """What is not as the truth has it, in words. Retrieving a foreground response is no call."""
    background = '"background":true' in _text(exchange).replace(" ", "")
    if endpoint_of(exchange) == "responses.retrieve" and not background:
        if spans:
            yield "a foreground response counted again"
        return
    if len(spans) != 1:
        yield f"{len(spans)} spans"
        return
    attributes = cast("Mapping[str, object]", spans[0].attributes or {})
    truth = cast("Mapping[str, Any]", exchange.get("truth") or {})
    for name, value in truth.items():
        meter = METER_BY_TRUTH.get(name)
        # The truth says 0 also where the provider says nothing; on the span that is absent.
        if meter is not None and (attributes.get(METER_BY_NAME[meter].attribute) or 0) != value:
            yield f"{name}: {attributes.get(METER_BY_NAME[meter].attribute)} instead of {value}"
    if "service_tier" in truth and truth["service_tier"] not in [attributes.get(tier) for tier in TIERS]:
        yield f"service_tier: none instead of {truth['service_tier']}"
    status = attributes.get("spanledger.usage_status")
    if status != ("metered" if truth else "unmetered"):
        yield f"usage_status: {status}"


def _text(exchange: Exchange) -> str:
    response = exchange.get("response")
    return response if isinstance(response, str) else json.dumps(response)


def main() -> int:
    """Print the table; the exit code is 1 if an exchange with true usage is not exact."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--show", type=int, default=20, help="how many differences to print")
    parser.add_argument("--asynchronous", action="store_true", help="use the asynchronous clients")
    options = parser.parse_args()
    replay = Replay(options.corpus, asynchronous=options.asynchronous)
    readable = [
        exchange
        for exchange in replay.exchanges
        if endpoint_of(exchange) in ENDPOINTS and parsed_by_the_bare_sdk(replay, exchange)
    ]
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    SpanLedgerInstrumentor().instrument()
    counts: Counter[tuple[str, str, bool, bool]] = Counter()
    wrong: list[str] = []
    for exchange in readable:
        exporter.clear()
        replay.ask(exchange)
        spans = [span for span in exporter.get_finished_spans() if "gen_ai.operation.name" in (span.attributes or {})]
        found = list(differences(exchange, spans))
        counts[exchange["provider"], endpoint_of(exchange), bool(exchange.get("truth")), not found] += 1
        wrong += [f"{exchange['id']} {exchange['provider']} {exchange['endpoint']}: {text}" for text in found]
    print_table(counts)
    print(*wrong[: options.show], sep="\n")
    return int(any(truth and not exact for _, _, truth, exact in counts))


def print_table(counts: Counter[tuple[str, str, bool, bool]]) -> None:
    rows = sorted({(provider, endpoint) for provider, endpoint, _, _ in counts})
    print(f"{'provider':24}{'endpoint':20}{'with usage':>11}{'exact':>7}{'without':>9}{'unmetered':>11}")
    total = [0, 0, 0, 0]
    for provider, endpoint in rows:
        exact, wrong, unmetered, odd = (
            counts[provider, endpoint, truth, right] for truth in (True, False) for right in (True, False)
        )
        line = [exact + wrong, exact, unmetered + odd, unmetered]
        total = [sum(pair) for pair in zip(total, line, strict=True)]
        print(f"{provider:24}{endpoint:20}{line[0]:>11}{line[1]:>7}{line[2]:>9}{line[3]:>11}")
    print(f"{'all':44}{total[0]:>11}{total[1]:>7}{total[2]:>9}{total[3]:>11}")


if __name__ == "__main__":
    sys.exit(main())

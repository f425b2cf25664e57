"""How exact the instrumentation is with Gemini, Mistral, Cohere and xAI: as `exactness.py`, through these SDKs.

python benchmarks/exactness_more.py CORPUS_DIRECTORY [--show 20] [--asynchronous]
"""

import argparse
import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import cohere
from exactness import differences, print_table
from mistralai.client import Mistral
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanledger.instrumentor import SpanLedgerInstrumentor
from spanledger.providers import SDKS

# Without types: one shares its name space with stubs, the other has none.
genai: Any = importlib.import_module("google.genai")
xai_sdk: Any = importlib.import_module("xai_sdk")
xai_chat: Any = importlib.import_module("xai_sdk.chat")

Exchange = Mapping[str, Any]
Asked = Callable[[], tuple[object, object]]
"""Makes a client and calls it: the client (which must live as long as its answer is read), and the answer."""

ATTRIBUTE_BY_TRUTH = {
    "service_tier": "spanledger.service_tier",
    "tool_use_prompt": "spanledger.tool_use_prompt_tokens",
    "in_image": "gen_ai.usage.image.input_tokens",
    "in_2": "gen_ai.usage.image.input_tokens",
    "in_audio": "gen_ai.usage.audio.input_tokens",
    "out_image": "gen_ai.usage.image.output_tokens",
    "out_audio": "gen_ai.usage.audio.output_tokens",
    "billed_input": "spanledger.usage.billed_input",
    "billed_output": "spanledger.usage.billed_output",
    "search_units": "spanledger.usage.search_unit",
}
"""What `exactness.py` does not compare: counts by modality, what is billed besides what was worked with, tiers."""

MESSAGES = [{"role": "user", "content": "hello"}]


class Replay:
    """The replay servers (HTTP, and gRPC for xAI), and SDK clients that ask them for one exchange."""

    def __init__(self, corpus: Path, *, asynchronous: bool) -> None:
        module = _load(corpus / "replay_server.py")
        self._server = module.start(str(corpus / "exchanges.jsonl.gz"))
        self._xai_server, self._xai_port = module.start_xai(self._server.ex)
        self._asynchronous = asynchronous
        self.exchanges: list[Exchange] = [one for one in self._server.ex.values() if one["provider"] in ASK]

    def ask(self, exchange: Exchange) -> None:
        """Make the call that was recorded and read its answer to the end."""
        address = f"127.0.0.1:{self._xai_port}" if exchange["provider"] == "x_ai" else self._server.url(exchange["id"])
        asked = partial(ASK[exchange["provider"]], exchange, address, asynchronous=self._asynchronous)
        if self._asynchronous:
            asyncio.run(_read(asked))
        else:
            _read_at_once(asked)

    def stop(self) -> None:
        """Without this the gRPC server's threads outlive the program."""
        self._xai_server.stop(None)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read_at_once(asked: "Asked") -> None:
    client, answer = asked()
    if isinstance(answer, Iterator):
        for _ in cast("Iterable[object]", answer):
            pass
    del client


async def _read(asked: "Asked") -> None:
    client, answer = asked()
    if inspect.isawaitable(answer):
        answer = await cast("Awaitable[object]", answer)
    if isinstance(answer, AsyncIterable):
        async for _ in cast("AsyncIterable[object]", answer):
            pass
    del client


def ask_google(exchange: Exchange, url: str, *, asynchronous: bool) -> tuple[object, object]:
    """A client of the Gemini API or of Vertex AI."""
    options = genai.types.HttpOptions(base_url=url)
    whole = genai.Client(vertexai=exchange["provider"] == "gcp.vertex_ai", api_key="none", http_options=options)
    client = whole.aio if asynchronous else whole
    endpoint, streaming = exchange["endpoint"], exchange["streaming"]
    if endpoint == "interactions":
        stream = {"stream": True} if streaming else {}
        return whole, client.interactions.create(model="gemini", input="hello", **stream)
    if exchange["path"].endswith("cachedContents"):
        return whole, client.caches.create(model="gemini", config={"contents": "hello"})
    if endpoint == "embedContent":
        return whole, client.models.embed_content(model="gemini", contents="hello")
    streaming = endpoint == "streamGenerateContent"
    generate = client.models.generate_content_stream if streaming else client.models.generate_content
    return whole, generate(model="gemini", contents="hello")


def ask_mistral(exchange: Exchange, url: str, *, asynchronous: bool) -> tuple[object, object]:
    """Chat, streamed or not, or embeddings."""
    client: Any = Mistral(api_key="none", server_url=url)
    twin = "_async" if asynchronous else ""
    if exchange["endpoint"] == "embeddings":
        return client, getattr(client.embeddings, f"create{twin}")(model="mistral", inputs=["hello"])
    method = f"stream{twin}" if exchange["streaming"] else f"complete{twin}"
    return client, getattr(client.chat, method)(model="mistral", messages=MESSAGES)


def ask_cohere(exchange: Exchange, url: str, *, asynchronous: bool) -> tuple[object, object]:
    """Either version of the API, by its path."""
    first = exchange["path"].startswith("/v1")
    kinds = (cohere.AsyncClient, cohere.AsyncClientV2) if asynchronous else (cohere.Client, cohere.ClientV2)
    client: Any = kinds[0 if first else 1]("none", base_url=url)
    endpoint = exchange["path"].rpartition("/")[2]
    if endpoint == "chat":
        method = client.chat_stream if exchange["streaming"] else client.chat
        return client, method(model="cohere", **({"message": "hello"} if first else {"messages": MESSAGES}))
    if endpoint == "embed":
        return client, client.embed(model="cohere", texts=["hello"], input_type="search_query")
    if endpoint == "rerank":
        return client, client.rerank(model="cohere", query="hello", documents=["hello"])
    return client, client.generate(prompt="hello")


def ask_xai(exchange: Exchange, address: str, *, asynchronous: bool) -> tuple[object, object]:
    """Chat over gRPC; the exchange is named in the metadata."""
    kind = xai_sdk.AsyncClient if asynchronous else xai_sdk.Client
    metadata = (("x-replay-id", exchange["id"]),)
    client: Any = kind(api_key="none", api_host=address, metadata=metadata, use_insecure_channel=True)
    chat = client.chat.create(model="grok")
    chat.append(xai_chat.user("hello"))
    return client, chat.stream() if exchange["streaming"] else chat.sample()


ASK: dict[str, Callable[..., tuple[object, object]]] = {
    "gcp.gemini": ask_google,
    "gcp.vertex_ai": ask_google,
    "mistral_ai": ask_mistral,
    "cohere": ask_cohere,
    "x_ai": ask_xai,
    "xai": ask_xai,
}


def parsed_by_the_bare_sdk(replay: Replay, exchange: Exchange) -> bool:
    """Whether the SDK can read this exchange by itself."""
    try:
        replay.ask(exchange)
    except Exception:  # noqa: BLE001  # whatever the SDK raises: it cannot
        return False
    return True


def all_differences(exchange: Exchange, spans: list[ReadableSpan]) -> Iterator[str]:
    """What is not as the truth has it: the counts that every provider has, then those of these."""
    truth = cast("Mapping[str, Any]", exchange.get("truth") or {})
    yield from differences({**exchange, "truth": {k: v for k, v in truth.items() if k != "service_tier"}}, spans)
    attributes = cast("Mapping[str, object]", spans[0].attributes or {} if spans else {})
    for name, attribute in ATTRIBUTE_BY_TRUTH.items():
        if name in truth and (attributes.get(attribute) or 0) != truth[name]:
            yield f"{name}: {attributes.get(attribute)} instead of {truth[name]}"


def main() -> int:
    """Print the table; the exit code is 1 if an exchange with true usage is not exact."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--show", type=int, default=20, help="how many differences to print")
    parser.add_argument("--asynchronous", action="store_true", help="use the asynchronous clients")
    options = parser.parse_args()
    replay = Replay(options.corpus, asynchronous=options.asynchronous)
    readable = [exchange for exchange in replay.exchanges if parsed_by_the_bare_sdk(replay, exchange)]
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
        found = list(all_differences(exchange, spans))
        counts[exchange["provider"], exchange["endpoint"], bool(exchange.get("truth")), not found] += 1
        wrong += [f"{exchange['id']} {exchange['provider']} {exchange['endpoint']}: {text}" for text in found]
    replay.stop()
    unread = sum(bool(exchange.get("truth")) for exchange in replay.exchanges) - sum(
        quantity for (_, _, truth, _), quantity in counts.items() if truth
    )
    print_table(counts)
    print(f"with usage, but not readable by the bare SDK: {unread}; SDKs patched: {len(SDKS)}")
    print(*wrong[: options.show], sep="\n")
    return int(any(truth and not exact for _, _, truth, exact in counts))


if __name__ == "__main__":
    sys.exit(main())

"""What Gemini's answers say: content, embeddings, images, caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from spanledger.providers.google_usage import REST, items, read_tier, read_usage
from spanledger.usage import count, get, put

if TYPE_CHECKING:
    from spanledger._reading import Reading

__all__ = [
    "read_cache",
    "read_content",
    "read_embeddings",
    "read_operation",
    "read_predictions",
]

_SEARCHES = "searches of candidate "


def read_content(answer: object, reading: Reading) -> None:
    """An answer of `generateContent`, or a chunk of a streamed one."""
    if isinstance(response_id := get(answer, "responseId"), str):
        reading.response_id = response_id
    if isinstance(model := get(answer, "modelVersion"), str):
        reading.response_model = model
    blocked = get(get(answer, "promptFeedback"), "blockReason")
    reasons = [get(candidate, "finishReason") for candidate in items(get(answer, "candidates"))]
    if given := [str(reason) for reason in (*reasons, blocked) if reason]:
        reading.finish_reasons = given
    _read_searches(answer, reading)
    usage = get(answer, "usageMetadata")
    read_usage(usage, reading, REST)
    read_tier(get(usage, "serviceTier") or get(usage, "trafficType"), reading)


def _read_searches(answer: object, reading: Reading) -> None:
    """Queries that the model had searched on the web; the last chunk that names them names all of them."""
    for index, candidate in enumerate(items(get(answer, "candidates"))):
        queries = get(get(candidate, "groundingMetadata"), "webSearchQueries")
        if isinstance(queries, list) and queries:
            reading.raw[f"{_SEARCHES}{index}"] = len(cast("list[object]", queries))
    searches = sum(quantity for name, quantity in reading.raw.items() if name.startswith(_SEARCHES))
    if searches:
        reading.usage["web_search"] = searches


def read_embeddings(answer: object, reading: Reading) -> None:
    """Embeddings. On Vertex AI the older models give statistics for each, and no sum."""
    usage = get(answer, "usageMetadata")
    read_usage(usage, reading, REST)
    statistics = [get(get(item, "embeddings"), "statistics") for item in items(get(answer, "predictions"))]
    counts = [count(get(entry, "token_count")) for entry in statistics]
    if counts and None not in counts:
        reading.usage["input"] = sum(counted for counted in counts if counted is not None)
    reading.usage.pop("output", None)


def read_predictions(answer: object, reading: Reading) -> None:
    """What `predict` returns: images, or embeddings. Images that a filter held back are not billed."""
    predictions = list(items(get(answer, "predictions")))
    if any(get(prediction, "embeddings") is not None for prediction in predictions):
        read_embeddings(answer, reading)
    else:
        images = [one for one in predictions if get(one, "bytesBase64Encoded") or get(one, "gcsUri")]
        reading.usage["image"] = len(images)


def read_cache(answer: object, reading: Reading) -> None:
    """A prompt that was put into the cache on its own, without an answer."""
    if isinstance(name := get(answer, "name"), str):
        reading.response_id = name
    if isinstance(model := get(answer, "model"), str):
        reading.response_model = model.removeprefix("models/")
    put(reading.usage, "cache_write", get(get(answer, "usageMetadata"), "totalTokenCount"))


def read_operation(answer: object, reading: Reading) -> None:
    """Work that goes on at the provider (videos): how much it will be is not known."""
    if isinstance(name := get(answer, "name"), str):
        reading.response_id = name

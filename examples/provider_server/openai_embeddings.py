"""POST /v1/embeddings (https://platform.openai.com/docs/api-reference/embeddings)."""

import base64
import struct
from hashlib import sha256

from provider_server.answers import Account, Answer, require
from provider_server.documents import JsonObject
from provider_server.models import resolve
from provider_server.prompts import count_tokens
from provider_server.records import Usage

__all__ = ["answer"]

_DIMENSIONS = 8


def answer(body: JsonObject, _account: Account) -> Answer:
    """A small vector for each input, from its hash. Embeddings have no response id, no cache and no output tokens."""
    require(body, "model", "input")
    model = resolve(body["model"])
    inputs: list[str | list[int]] = [body["input"]] if isinstance(body["input"], str) else body["input"]
    usage = Usage(input=sum(count_tokens(text) if isinstance(text, str) else len(text) for text in inputs))
    encoded = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text), encoded=encoded)}
        for index, text in enumerate(inputs)
    ]
    tokens = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
    return Answer(model=model, body={"object": "list", "data": data, "model": model, "usage": tokens}, usage=usage)


def _vector(text: str, *, encoded: bool) -> str | list[float]:
    """Numbers between -1 and 1, as a list or as base64 of little-endian 32-bit floats."""
    numbers = [byte / 127.5 - 1 for byte in sha256(text.encode()).digest()[:_DIMENSIONS]]
    return base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *numbers)).decode() if encoded else numbers

"""A local xAI over gRPC that knows what it served: each request has its own counts."""

import importlib
from collections.abc import Generator, Iterator
from concurrent import futures
from contextlib import contextmanager
from itertools import count
from typing import Any

from provider_server import Served, Usage

__all__ = ["serving_xai"]

# The messages of the SDK have no types, and those of gRPC are generic where its classes are not.
_grpc: Any = importlib.import_module("grpc")
_protos: Any = importlib.import_module("xai_sdk.proto")
_chat, _usage = _protos.chat_pb2, _protos.usage_pb2
_REFUSED = "no-such-"


@contextmanager
def serving_xai() -> Generator[tuple[str, list[Served]]]:
    """The address of the server, and what it served so far."""
    xai = _Xai()
    server = _grpc.server(futures.ThreadPoolExecutor(4))
    methods = {
        "GetCompletion": _grpc.unary_unary_rpc_method_handler(xai.whole, _asked, _sent),
        "GetCompletionChunk": _grpc.unary_stream_rpc_method_handler(xai.streamed, _asked, _sent),
    }
    server.add_generic_rpc_handlers([_grpc.method_handlers_generic_handler("xai_api.Chat", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", xai.served
    finally:
        server.stop(None).wait()


def _asked(body: bytes) -> Any:  # noqa: ANN401
    return _chat.GetCompletionsRequest.FromString(body)


def _sent(message: Any) -> bytes:  # noqa: ANN401
    return message.SerializeToString()


class _Xai:
    """The methods of the API."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        self._numbers = count(1)

    def whole(self, request: Any, context: Any) -> Any:  # noqa: ANN401
        record, usage = self._serve(request, context, streamed=False)
        message = _chat.CompletionMessage(content="In Ghent.", role=_chat.ROLE_ASSISTANT)
        output = _chat.CompletionOutput(finish_reason=_protos.sample_pb2.REASON_STOP, message=message)
        return _chat.GetChatCompletionResponse(id=record.id, model=record.model, usage=usage, outputs=[output])

    def streamed(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401
        record, usage = self._serve(request, context, streamed=True)
        for text, last in (("In ", False), ("Ghent.", False), ("", True)):
            output = _chat.CompletionOutputChunk(
                delta=_chat.Delta(content=text), finish_reason=_protos.sample_pb2.REASON_STOP if last else 0
            )
            said = {"id": record.id, "model": record.model, "outputs": [output]}
            yield _chat.GetChatCompletionChunk(**said, usage=usage if last else None)

    def _serve(self, request: Any, context: Any, *, streamed: bool) -> tuple[Served, Any]:  # noqa: ANN401
        number = next(self._numbers)
        refused = request.model.startswith(_REFUSED)
        usage = (
            None if refused else Usage(input=10 + number, cache_read=100 * number, output=20 + number, reasoning=number)
        )
        record = Served(
            f"req-{number:020}",
            "openai",  # by what it is like; nothing here depends on it
            "chat",
            request.model,
            404 if refused else 200,
            id=f"answer-of-xai-{number:08}",
            model=request.model,
            streamed=streamed,
            usage=usage,
            usage_sent=not refused,
        )
        self.served.append(record)
        if usage is None:
            context.abort(_grpc.StatusCode.NOT_FOUND, "no such model")
            raise AssertionError
        return record, _usage.SamplingUsage(
            prompt_tokens=usage.input_tokens,
            cached_prompt_text_tokens=usage.cache_read,
            prompt_text_tokens=usage.input_tokens,
            completion_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            total_tokens=usage.input_tokens + usage.output_tokens,
        )

"""A local xAI over gRPC: chat (also streamed and deferred), compacted contexts, images and videos."""

import importlib
import threading
from collections.abc import Generator, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

from wire_sdk_contract import Case

# The messages of the SDK have no types, and those of gRPC are generic where its classes are not.
grpc: Any = importlib.import_module("grpc")
protos: Any = importlib.import_module("xai_sdk.proto")
chat, deferred, image, usage = (getattr(protos, f"{name}_pb2") for name in ("chat", "deferred", "image", "usage"))
video: Any = getattr(protos, "video_pb2", None)


def made(kind: Any, **fields: object) -> Any:  # noqa: ANN401
    """A message, without the fields that this version of the SDK does not know."""
    return kind(**{name: value for name, value in fields.items() if name in kind.DESCRIPTOR.fields_by_name})


def enum(holder: Any, name: str) -> int:  # noqa: ANN401
    return getattr(holder, name, 0)


MODEL = "model-of-a-test-001"
PENDING, DONE = 3, 1
STOP = protos.sample_pb2.REASON_STOP
USAGE = made(
    usage.SamplingUsage,
    prompt_tokens=100,
    cached_prompt_text_tokens=60,
    prompt_image_tokens=5,
    completion_tokens=10,
    reasoning_tokens=30,
    total_tokens=140,
    num_sources_used=3,
    server_side_tools_used=[
        enum(usage, "SERVER_SIDE_TOOL_WEB_SEARCH"),
        enum(usage, "SERVER_SIDE_TOOL_X_SEARCH"),
        enum(usage, "SERVER_SIDE_TOOL_WEB_SEARCH"),
    ],
    cost_in_usd_ticks=12345678,
)
COUNTED = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 60,
    "gen_ai.usage.image.input_tokens": 5,
    "gen_ai.usage.output_tokens": 10 + 30,
    "gen_ai.usage.reasoning.output_tokens": 30,
    "spanledger.usage.search_source": 3,
    "spanledger.usage.web_search": 2,
    "spanledger.usage.x_search": 1,
}


class _Xai:
    """The methods of the API. What becomes of an answer depends on the case that is served."""

    def __init__(self, case: Case, ending: threading.Event) -> None:
        self._case = case
        self._ending = ending
        self._looks = 0

    def GetCompletion(self, _request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        if self._case == "error":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not good")
        message = chat.CompletionMessage(content="In Ghent.", role=chat.ROLE_ASSISTANT)
        output = chat.CompletionOutput(finish_reason=STOP, message=message)
        known = {"id": "answer-1", "model": MODEL, "usage": USAGE, "outputs": [output]}
        return made(chat.GetChatCompletionResponse, **known, service_tier=enum(usage, "SERVICE_TIER_PRIORITY"))

    def GetCompletionChunk(self, _request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802
        if self._case == "error":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not good")
        yield self._chunk("In ")
        if self._case == "held":
            self._ending.wait(10)
        yield self._chunk("Ghent.")
        if self._case == "cut":
            context.abort(grpc.StatusCode.INTERNAL, "cut")
        if self._case == "odd":
            yield chat.GetChatCompletionChunk()
            yield chat.GetChatCompletionChunk(outputs=[chat.CompletionOutputChunk(finish_reason=99)])
        yield self._chunk("", usage=USAGE, finish_reason=STOP)

    def _chunk(self, text: str, usage: Any = None, finish_reason: int = 0) -> Any:  # noqa: ANN401
        output = chat.CompletionOutputChunk(delta=chat.Delta(content=text), finish_reason=finish_reason)
        return chat.GetChatCompletionChunk(id="answer-1", model=MODEL, usage=usage, outputs=[output])

    def StartDeferredCompletion(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return deferred.StartDeferredResponse(request_id="request-1")

    def GetDeferredCompletion(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802
        self._looks += 1
        if self._looks < 3:
            return chat.GetDeferredCompletionResponse(status=PENDING)
        return chat.GetDeferredCompletionResponse(status=DONE, response=self.GetCompletion(request, context))

    def CompactContext(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return chat.CompactContextResponse(id="answer-1", usage=USAGE)

    def GenerateImage(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        images = [image.GeneratedImage(url="https://example.org/1.png", respect_moderation=True)] * 2
        return made(image.ImageResponse, model=MODEL, images=images, usage=USAGE)

    def GenerateVideo(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        return deferred.StartDeferredResponse(request_id="request-1")

    def GetDeferredVideo(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802
        made = video.GeneratedVideo(url="https://example.org/1.mp4", duration=8, respect_moderation=True)
        return video.GetDeferredVideoResponse(status=DONE, response=video.VideoResponse(video=made, model=MODEL))


_REQUESTS = {
    "/xai_api.Chat/GetCompletion": (chat, "GetCompletionsRequest"),
    "/xai_api.Chat/GetCompletionChunk": (chat, "GetCompletionsRequest"),
    "/xai_api.Chat/StartDeferredCompletion": (chat, "GetCompletionsRequest"),
    "/xai_api.Chat/GetDeferredCompletion": (deferred, "GetDeferredRequest"),
    "/xai_api.Chat/CompactContext": (chat, "CompactContextRequest"),
    "/xai_api.Image/GenerateImage": (image, "GenerateImageRequest"),
    "/xai_api.Video/GenerateVideo": (video, "GenerateVideoRequest"),
    "/xai_api.Video/GetDeferredVideo": (video, "GetDeferredVideoRequest"),
}


def _handlers(xai: _Xai) -> list[Any]:
    """What a server asks for each service."""
    services: dict[str, dict[str, Any]] = {}
    for path, (module, name) in _REQUESTS.items():
        _, service, method = path.split("/")
        request: Any = getattr(module, name, None)
        if request is None:  # not in this version of the SDK
            continue
        kind = grpc.unary_stream_rpc_method_handler if method.endswith("Chunk") else grpc.unary_unary_rpc_method_handler
        services.setdefault(service, {})[method] = kind(getattr(xai, method), request.FromString, _serialized)
    return [grpc.method_handlers_generic_handler(*service) for service in services.items()]


def _serialized(message: Any) -> bytes:  # noqa: ANN401
    return message.SerializeToString()


@contextmanager
def serving_xai(case: Case) -> Generator[str]:
    """The address of a server on a free port of this machine."""
    ending = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(_handlers(_Xai(case, ending)))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        ending.set()
        server.stop(None).wait()

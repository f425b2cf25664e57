"""Driver for botocore and aiobotocore: every call of every AWS client goes through `_make_api_call(operation, params)`.

What it returns is a plain document. One that streams has in it an `EventStream`, or a `StreamingBody` that the
application reads by itself: both keep their type, and what is observed is the event generator in the one and the raw
HTTP response below the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from spanledger import semconv
from spanledger._aws_bodies import observe_raw, watch_raw_close
from spanledger._call import open_call, run, run_async
from spanledger._capturing import keep_content
from spanledger._decoding import Decoding
from spanledger._guard import guarded
from spanledger._http import server_of
from spanledger._reading import Request
from spanledger._streams import AsyncItems, Items
from spanledger.usage import count, get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spanledger._call import Call
    from spanledger._reading import Reader
    from spanledger.content import Format

__all__ = ["ApiOperation", "AwsService", "async_api_call", "sync_api_call"]

Params = Mapping[str, object]


class ServiceModel(Protocol):
    """The part of botocore's `ServiceModel` that is used."""

    @property
    def service_name(self) -> str: ...


class Meta(Protocol):
    """The part of botocore's `ClientMeta` that is used."""

    @property
    def service_model(self) -> ServiceModel: ...
    @property
    def region_name(self) -> str | None: ...
    @property
    def endpoint_url(self) -> str: ...


class AwsClient(Protocol):
    """A client of any AWS service."""

    @property
    def meta(self) -> Meta: ...


class RawEvent(Protocol):
    """`EventStreamMessage` of botocore: an event before it is parsed."""

    @property
    def headers(self) -> Mapping[str, object]: ...
    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One billed operation of a service.

    `held_in` names the part of the answer that is a stream of events, or a body that the application reads; `read_head`
    reads the answer without that part, which `read_response` (a body, or a whole answer) or `read_event` reads.
    `content`: how it says what was asked and answered.
    """

    read_head: Reader
    read_response: Reader
    read_event: Reader
    held_in: str | None = None
    stream: bool = False
    content: Format | None = None


@dataclass(frozen=True, slots=True)
class AwsService:
    """A service with billed operations.

    `operation_of` gives the operation of a name and a model id, `None` if it is not billed; `kind_of` gives what the
    conventions call it and the needed meters, from the model id.
    """

    name: str
    provider: str
    operation_of: Callable[[str, str], ApiOperation | None]
    kind_of: Callable[[str], tuple[str, tuple[str, ...]]]


Args = tuple[object, ...]
Kwargs = Mapping[str, object]


def sync_api_call(service: AwsService) -> Callable[..., object]:
    """The wrapper of botocore's `BaseClient._make_api_call`."""

    def api_call(wrapped: Callable[..., object], client: AwsClient, args: Args, kwargs: Kwargs) -> object:
        opened = guarded("open a call", _open, service, client, args, kwargs)
        if opened is None:
            return wrapped(*args, **kwargs)
        call, operation = opened

        def attempt() -> object:
            try:
                return wrapped(*args, **kwargs)
            except Exception as error:
                guarded("read an error", _read_error, call, error)
                raise

        return run(call, lambda call, answer: _observe(operation, call, answer), attempt)

    return api_call


def async_api_call(service: AwsService) -> Callable[..., Awaitable[object]]:
    """The wrapper of aiobotocore's `AioBaseClient._make_api_call`."""

    async def api_call(
        wrapped: Callable[..., Awaitable[object]], client: AwsClient, args: Args, kwargs: Kwargs
    ) -> object:
        opened = guarded("open a call", _open, service, client, args, kwargs)
        if opened is None:
            return await wrapped(*args, **kwargs)
        call, operation = opened

        async def attempt() -> object:
            try:
                return await wrapped(*args, **kwargs)
            except Exception as error:
                guarded("read an error", _read_error, call, error)
                raise

        return await run_async(call, lambda call, answer: _observe(operation, call, answer), attempt)

    return api_call


def _open(service: AwsService, client: AwsClient, args: Args, kwargs: Kwargs) -> tuple[Call, ApiOperation] | None:
    if client.meta.service_model.service_name != service.name:
        return None
    params = cast("Params", args[1] if len(args) > 1 else kwargs.get("api_params"))
    model = params.get("modelId")
    model = model if isinstance(model, str) else None
    operation = service.operation_of(str(args[0] if args else kwargs.get("operation_name")), model or "")
    if operation is None:
        return None
    request = _request(service, operation, client.meta, model)
    call = open_call(request, operation.read_response, operation.read_event)
    if request.operation == "chat":
        keep_content(call, operation.content, params)
    return (call, operation) if call is not None else None


def _request(service: AwsService, operation: ApiOperation, meta: Meta, model: str | None) -> Request:
    name, needs = service.kind_of(model or "")
    server = server_of(meta.endpoint_url)
    return Request(
        operation=name,
        provider=service.provider,
        model=model,
        server_address=server.host or None,
        server_port=server.port,
        stream=operation.stream,
        needs=needs,
        attributes={semconv.REGION: meta.region_name} if meta.region_name else {},
    )


def _read_error(call: Call, error: Exception) -> None:
    """A `ClientError` of botocore: its code says more than its class, which is made anew for each client."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        answer = cast("Params", response)
        _read_metadata(call, answer)
        if isinstance(code := get(answer.get("Error"), "Code"), str):
            call.reading.error_type = code


def _read_metadata(call: Call, answer: Params) -> None:
    metadata = answer.get("ResponseMetadata")
    if isinstance(request_id := get(metadata, "RequestId"), str) and request_id:
        call.reading.response_id = request_id  # until the answer tells one of its own
        call.reading.attributes[semconv.AWS_REQUEST_ID] = request_id
    call.retries = count(get(metadata, "RetryAttempts")) or 0


def _observe(operation: ApiOperation, call: Call, answer: object) -> None:
    document = cast("Params", answer)
    _read_metadata(call, document)
    guarded("read the head of an answer", operation.read_head, document, call.reading)
    held = document.get(operation.held_in) if operation.held_in else None
    if held is None:
        call.response(document)
        call.finish("read")
    elif hasattr(held, "_event_generator"):
        _observe_events(held, call)
    else:
        raw = getattr(held, "_raw_stream", None) or getattr(held, "__wrapped__", None)
        observe_raw(raw, call, get(get(document.get("ResponseMetadata"), "HTTPHeaders"), "content-length"))


def _observe_events(stream: object, call: Call) -> None:
    """Observe an `EventStream`, or the asynchronous one, through the generator of raw events inside it."""
    events = Decoding(call, _decode)
    inner = getattr(stream, "_event_generator")  # noqa: B009  # private, so no type declares it
    kind = AsyncItems if hasattr(inner, "__anext__") else Items
    setattr(stream, "_event_generator", kind(inner, events))  # noqa: B010
    guarded("watch a response being closed", watch_raw_close, getattr(stream, "_raw_stream", None), events)


def _decode(call: Call, item: object) -> None:
    """An event as `{its type: its payload}`. An exception that the service sends as an event ends the call."""
    event = cast("RawEvent", item)
    headers = event.headers
    kind = headers.get(":event-type")
    if headers.get(":message-type") == "event" and isinstance(kind, str):
        call.chunk({kind: json.loads(event.payload)})
    else:
        call.reading.error_type = str(headers.get(":exception-type") or headers.get(":error-code"))
        call.finish("failed")

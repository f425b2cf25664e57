"""OTLP over gRPC.

gRPC would take in whole messages before it hands them over, as many as clients send: 32 on each of a thousand
connections. So a method reads its one message itself, when it has a turn; until then the sender is held back.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeAlias, cast

import grpc
import grpc.aio

from spanledger_collector.connections import ConnectionLimits
from spanledger_collector.errors import BadRequest, CannotListen, ReceiveError, TooLarge, TooSlow
from spanledger_collector.listening import listen
from spanledger_collector.receive.answers import ANSWERS, Encoding, error_status
from spanledger_collector.receive.receiver import Receiver, Signal
from spanledger_collector.receive.senders import admit
from spanledger_collector.receive.turns import Turns
from spanledger_collector.settings import Address

__all__ = ["grpc_server"]

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_Handler: TypeAlias = "grpc.GenericRpcHandler[bytes, bytes]"
_LIMITS = ConnectionLimits()
_REQUESTS_PER_CONNECTION = 32
"""At once; a client keeps back what is more."""
_BODY_SECONDS: Final = 30.0
"""How long a client may take to send its message when it has its turn."""
_REFUSED_SECONDS: Final = 0.1
"""How long to look whether a message that did not come is one that gRPC found too large: then it cancels the method in
the next turn of the event loop, having answered by itself. It says no more; who gives up his request before he has sent
its message looks the same, and no exporter does."""
_grpc_logger: Final = logging.getLogger("grpc._cython.cygrpc")
_grpc: Any = grpc  # its stubs leave the makers of servers and handlers half untyped


@asynccontextmanager
async def grpc_server(
    receiver: Receiver,
    address: Address,
    grace: float,
    credentials: grpc.ServerCredentials | None = None,
    limits: ConnectionLimits = _LIMITS,
) -> AsyncGenerator[Address, None]:
    """Serve; yields where. At the end running requests have `grace` seconds to finish. Raises CannotListen.

    The limit on messages holds before and after decompression; gRPC itself refuses what is over (RESOURCE_EXHAUSTED).
    """
    turns = Turns(2 * receiver.budget.limit // receiver.max_request_bytes)
    handlers = [_handler(receiver, signal, turns) for signal in Signal]
    server: grpc.aio.Server = _grpc.aio.server(
        handlers=handlers,
        options=[("grpc.max_receive_message_length", receiver.max_request_bytes), *_options(limits)],
    )
    listen("OTLP/gRPC", address, "--grpc").close()  # finds an address that is taken, which gRPC tells less clearly
    try:
        where = str(address)
        port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    except RuntimeError as error:
        raise CannotListen("OTLP/gRPC", str(address), "--grpc", str(error)) from error
    await server.start()
    _grpc_logger.addFilter(_tells_no_metadata)
    try:
        yield Address(address.host, port)
    finally:
        await server.stop(grace)
        _grpc_logger.removeFilter(_tells_no_metadata)  # which is never freed, nor is what it holds


def _tells_no_metadata(record: logging.LogRecord) -> bool:
    """gRPC logs the value of any metadata that is not UTF-8, which may be a key, with a traceback for each request."""
    return not str(record.msg).startswith("Invalid encoding")


def _options(limits: ConnectionLimits) -> Sequence[tuple[str, int]]:
    """What gRPC calls the limits of a port (grpc/impl/channel_arg_names.h)."""
    return (
        ("grpc.so_reuseport", 0),  # otherwise a second server takes half of the first one's requests
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.server_handshake_timeout_ms", int(1000 * limits.head_seconds)),
        ("grpc.max_connection_idle_ms", int(1000 * limits.idle_seconds)),
        # A request that trickles in has no time limit of its own: its connection has. Others notice nothing.
        ("grpc.max_connection_age_ms", 1_800_000),
        ("grpc.max_connection_age_grace_ms", 30_000),
        ("grpc.max_concurrent_streams", _REQUESTS_PER_CONNECTION),
        # What nobody reads yet is held back at 64 KiB for each connection, not at megabytes that it once was fast at.
        ("grpc.http2.bdp_probe", 0),
        # Dead peers are found; and clients may look often whether we live, which gRPC else takes for an attack.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    )


def _handler(receiver: Receiver, signal: Signal, turns: Turns) -> _Handler:
    export = _grpc.stream_unary_rpc_method_handler(_export(receiver, signal, turns))  # the same on the wire
    handler: _Handler = _grpc.method_handlers_generic_handler(signal.service, {"Export": export})
    return handler


class _Refusal(NamedTuple):
    """What a client is told with `abort`, which keeps what it is called from alive until Python looks for cycles: so
    no error goes there, as it leads to the message."""

    code: grpc.StatusCode
    words: str
    details: tuple[tuple[str, bytes]]


def _export(
    receiver: Receiver, signal: Signal, turns: Turns
) -> Callable[[AsyncIterator[bytes], _Context], Awaitable[bytes]]:
    async def export(_messages: AsyncIterator[bytes], context: _Context) -> bytes:
        answer = await _answer(receiver, signal, turns, context)
        if isinstance(answer, _Refusal):
            await context.abort(*answer)
        return answer

    return export


async def _answer(receiver: Receiver, signal: Signal, turns: Turns, context: _Context) -> bytes | _Refusal:
    try:
        with receiver.counted("grpc", signal.value):
            sender = admit(receiver.keys, _authorization(context), _host(context.peer()))
            with receiver.budget.hold(sender.name) as hold:
                async with turns.turn(sender.name):
                    body = await _message(context, receiver.max_request_bytes)
                    hold.grow(len(body))
                return await receiver.export(sender, signal, Encoding.PROTOBUF, body)
    except ReceiveError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None  # gRPC has answered already
        details = error_status(error).SerializeToString()
        return _Refusal(ANSWERS[type(error)].grpc, str(error), (("grpc-status-details-bin", details),))


async def _message(context: _Context, limit: int) -> bytes:
    """The message of a request. Raises TooSlow, BadRequest where there is none, TooLarge from a CancelledError where
    gRPC has refused it."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = cast("object", await context.read())  # or what says that there is none
    except TimeoutError as error:
        raise TooSlow(f"The message did not arrive within {_BODY_SECONDS:.0f} s.") from error
    if isinstance(body, bytes):
        return body
    try:
        await asyncio.sleep(_REFUSED_SECONDS)
    except asyncio.CancelledError as error:
        raise TooLarge(limit) from error
    raise BadRequest("The request has no message.")


def _authorization(context: _Context) -> str:
    metadata = cast("Sequence[tuple[str, str | bytes]]", context.invocation_metadata() or ())
    return next((str(value) for name, value in metadata if name == "authorization"), "")


def _host(peer: str) -> str:
    """The host of a peer as gRPC names it, such as `ipv4:127.0.0.1:50102`."""
    return peer.partition(":")[2].rpartition(":")[0]

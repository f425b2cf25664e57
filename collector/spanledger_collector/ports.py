"""The three ports of a server, over one set of limits and certificates."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from spanledger_collector.connections import ConnectionLimits, allow_files
from spanledger_collector.listening import http_server, listen
from spanledger_collector.price_file import own_book
from spanledger_collector.receive.grpc_server import grpc_server
from spanledger_collector.receive.http_app import build_http_app
from spanledger_collector.receive.receiver import Receiver
from spanledger_collector.serve.acts import Acts
from spanledger_collector.serve.app import build_app
from spanledger_collector.serve.readers import Readers
from spanledger_collector.service_state import ServiceState
from spanledger_collector.settings import Address
from spanledger_collector.tls import Tls

__all__ = ["Ports", "open_ports"]


class Ports(NamedTuple):
    """Where a server listens."""

    grpc: Address
    http: Address
    web: Address


@asynccontextmanager
async def open_ports(state: ServiceState, tls: Tls | None) -> AsyncGenerator[Ports]:
    """Serve on all three. At the end they accept nothing more, and what waits is finished. Raises CannotListen."""
    settings = state.settings
    grace, limits = settings.drain_seconds, ConnectionLimits(settings.max_connections)
    context, credentials = (None, None) if tls is None else (tls.context, tls.grpc_credentials())
    allow_files(len(Ports._fields) * settings.max_connections)
    receiver = _receiver(state)
    async with AsyncExitStack() as stack:
        web_listener = stack.enter_context(listen("the web port", settings.web, "--web"))
        http_listener = stack.enter_context(listen("OTLP/HTTP", settings.http, "--http"))
        readers = Readers(state.ledger)
        acts = Acts(state.ledger, state.settler, lambda: own_book(settings.db, settings.prices))
        answering = http_server(build_app(state, readers, acts), web_listener, grace, context, limits)
        web = await stack.enter_async_context(answering)
        stack.callback(readers.close)
        grpc = await stack.enter_async_context(grpc_server(receiver, settings.grpc, grace, credentials, limits))
        receiving = http_server(build_http_app(receiver, settings.cors_origins), http_listener, grace, context, limits)
        yield Ports(grpc, await stack.enter_async_context(receiving), web)


def _receiver(state: ServiceState) -> Receiver:
    settings = state.settings
    return Receiver(
        state.journal,
        state.stats,
        max_request_bytes=settings.max_request_bytes,
        max_waiting_bytes=settings.max_waiting_bytes,
        keys=state.keys,
    )

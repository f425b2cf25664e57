"""Sockets that listen, the web servers behind them, and the sidecar while a server owns a ledger."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from spanledger_collector.connections import ACCEPTED_AT_ONCE, ConnectionLimits, connection_maker
from spanledger_collector.errors import CannotListen
from spanledger_collector.settings import Address
from spanledger_collector.sidecar import Sidecar, sidecar_path

__all__ = ["announced", "http_server", "listen"]

_logger = logging.getLogger(__name__)
_LIMITS = ConnectionLimits()


def listen(what: str, address: Address, option: str) -> socket.socket:
    """A socket bound to the address; `what` and `option` are for the message of CannotListen."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=1024)
    except OSError as error:
        raise CannotListen(what, str(address), option, os.strerror(error.errno or 0)) from error


class _Server(uvicorn.Server):
    """A server that leaves signals to its process: three of them live in one loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def http_server(
    app: ASGIApp,
    listener: socket.socket,
    grace: float,
    tls: SSLContext | None = None,
    limits: ConnectionLimits = _LIMITS,
) -> AsyncGenerator[Address, None]:
    """Serve the application; yields where. At the end running requests have `grace` seconds to finish."""
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        app,
        backlog=ACCEPTED_AT_ONCE,
        ws="none",  # else the library for WebSockets is loaded wherever one is installed
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=int(grace),
    )
    config.load()
    made: Any = connection_maker(limits, tls)  # uvicorn asks for a class, and only calls it
    config.http_protocol_class = made
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Address(host, port)
    finally:
        server.should_exit = True
        await serving


@contextmanager
def announced(db: Path, web: str) -> Generator[None, None, None]:
    """Write the sidecar of a ledger, whose web port has that URL, and remove it at the end. On a disk that lets it do
    neither the server runs and ends all the same."""
    sidecar = sidecar_path(db)
    written = sidecar.with_name(f"{sidecar.name}.{os.getpid()}")
    try:
        written.write_text(Sidecar(os.getpid(), web).text(), encoding="utf-8")
        written.replace(sidecar)
    except OSError as error:
        _logger.warning("%s cannot be written (%s): commands find this server by --url %s", sidecar, error, web)
    try:
        yield
    finally:
        for file in (written, sidecar):
            _remove(file)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        _logger.warning("%s stays: %s", file, error)

"""A whole server in this process, as `spanledger serve` makes it, on free ports."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from background import in_background
from receiving import ANY_PORT

from spanledger_collector.service import Running, serving
from spanledger_collector.settings import Settings

__all__ = ["server_with"]


@contextmanager
def server_with(settings: Settings) -> Generator[Running]:
    """Serve with the settings, the ports aside, in a thread of its own."""
    anywhere = replace(settings, grpc=ANY_PORT, http=ANY_PORT, web=ANY_PORT, drain_seconds=2.0)

    async def serve(ready: Callable[[Running], None], until_stopped: Callable[[], Awaitable[object]]) -> None:
        async with serving(anywhere) as running:
            ready(running)
            await until_stopped()

    with in_background(serve) as running:
        yield running

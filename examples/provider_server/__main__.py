"""`python examples/provider_server --port N` or `python -m provider_server`: print the URL, serve until stopped."""

import argparse
import signal
import sys
import threading
from pathlib import Path

if not __package__:  # run by path: the folder above is what the imports below start from
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from provider_server.server import running


def main() -> None:
    """Serve on `--port` (0 picks a free one) until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="provider_server", description="A local OpenAI- and Anthropic-like provider.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    port: int = parser.parse_args().port
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    with running(port) as server:
        print(server.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()

"""`spanledger demo`."""

import importlib.util
import signal
from pathlib import Path
from types import FrameType

import click

_NEEDS = ("anthropic", "duckdb", "openai", "starlette", "uvicorn")


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where the ledger and the logs go.",
)
@click.option("--live", is_flag=True, help="Call the real providers whose API keys are set; costs a few cents.")
@click.option("--keep", is_flag=True, help="Serve the ledger on at the end, until Ctrl-C.")
def demo(*, directory: Path, live: bool, keep: bool) -> None:
    """Run the whole path here: collector, app, priced ledger.

    A real app makes real SDK calls to a local provider, twice, over gRPC and over HTTP; the ledger is then compared
    with what the provider says it served, and shown. Needs no key and no network. Exit code 1: something did not agree.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise click.UsageError(f"The demo needs {', '.join(missing)}: pip install 'spanledger[collector,demo]'")
    # Only now, because it must be possible to say the above without them.
    from spanledger_collector.demo import DemoSettings, run  # noqa: PLC0415

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    run(DemoSettings(directory, live=live, keep=keep))


def _leave(number: int, _frame: FrameType | None) -> None:
    """End by exception, so that every process of the demo is stopped on the way out."""
    raise SystemExit(128 + number)

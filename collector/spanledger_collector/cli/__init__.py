"""The command `spanledger`.

Commands are loaded when they are run, so that `--help` is quick and everything that needs no server works without the
extra `collector`.
"""

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import NamedTuple, NoReturn

import click

from spanledger._version import __version__
from spanledger_collector.errors import SpanLedgerError

__all__ = ["COMMANDS", "main", "spanledger"]

_CANNOT_OPEN = 3


class Command(NamedTuple):
    """Where a command is, and the line that `--help` shows for it."""

    place: str
    help: str


_CLI = "spanledger_collector.cli"
COMMANDS: dict[str, Command] = {
    "serve": Command(f"{_CLI}.serve:serve", "Receive OpenTelemetry data and keep the ledger."),
    "demo": Command(f"{_CLI}.demo:demo", "Run the whole path on this machine: app, collector, priced ledger."),
    "doctor": Command(f"{_CLI}.doctor:doctor", "Say what is patched, what can be reached and what has arrived."),
    "usage": Command(f"{_CLI}.usage:usage", "Tokens and cost, by any dimension."),
    "calls": Command(f"{_CLI}.calls:calls", "Calls, newest first."),
    "trace": Command(f"{_CLI}.trace:trace", "One trace as a tree, with what it cost."),
    "explain": Command(f"{_CLI}.explain:explain", "One call, walked back to unit prices."),
    "estimate": Command(f"{_CLI}.estimate:estimate", "What a call will cost, before it is made."),
    "unpriced": Command(f"{_CLI}.unpriced:unpriced", "Calls without a price, and why."),
    "coverage": Command(f"{_CLI}.coverage:coverage", "How much of the traffic to models is metered."),
    "prices": Command(f"{_CLI}.prices:prices", "See, compare and set prices."),
    "keys": Command(f"{_CLI}.keys:keys", "Make, list and remove the keys of a server."),
    "sql": Command(f"{_CLI}.sql:sql", "The answer to one reading SQL statement."),
    "status": Command(f"{_CLI}.status:status", "What has arrived and what the ledger holds."),
    "periods": Command(f"{_CLI}.periods:periods", "Closed periods, whose calls keep their price."),
    "reprice": Command(f"{_CLI}.reprice:reprice", "Price the ledger anew, and say what changes."),
    "rebuild": Command(f"{_CLI}.rebuild:rebuild", "Make the ledger again from its journal."),
    "compact": Command(f"{_CLI}.compact:compact", "Give back to the disk what the ledger file does not use."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands from the table above, and loads the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, loaded."""
        command = COMMANDS.get(cmd_name)
        if command is None:
            return None
        module, _, attribute = command.place.partition(":")
        return getattr(import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list in `--help`, which loads nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; our errors become a message and an exit code."""
        try:
            return super().invoke(ctx)
        except SpanLedgerError as error:
            _end(ctx, str(error), error.exit_code)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("spanledger"):
                raise
            _end(ctx, _missing(error.name), _CANNOT_OPEN)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="spanledger")
def spanledger() -> None:
    """A cost ledger for LLM use, on OpenTelemetry.

    Commands that read ask a running server (--url), or open the ledger file (--db) where none runs. Exit codes: 0 done,
    1 found trouble, 2 wrong usage, 3 cannot reach or open.
    """


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a character gets its escape, not a crash
            stream.reconfigure(errors="backslashreplace")
    spanledger(prog_name="spanledger")


def _end(context: click.Context, message: str, exit_code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    context.exit(exit_code)


def _missing(module: str | None) -> str:
    return (
        f"This needs the Python module {module}, which is not installed here. "
        "What the server and the ledger need comes with: pip install 'spanledger[collector]'"
    )

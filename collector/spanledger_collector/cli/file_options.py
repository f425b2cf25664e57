"""Options that name a file, each with the variable that says the same."""

from pathlib import Path

import click

from spanledger_collector.settings import Settings

__all__ = ["db_option", "file_option"]


def file_option(names: str | tuple[str, ...], variable: str, text: str) -> click.Option:
    """An option, under its name on the command line and perhaps the one in Python."""
    return click.Option(
        [names] if isinstance(names, str) else list(names),
        type=click.Path(dir_okay=False, path_type=Path),
        envvar=variable,
        show_envvar=True,
        help=text,
    )


def db_option() -> click.Option:
    """`--db`, for commands that open the ledger file themselves."""
    option = file_option("--db", "SPANLEDGER_DB", "The ledger file.")
    option.default, option.show_default = Settings().db, True
    return option

"""Plain text on 100 columns: headings, steps, commands and what they answered."""

import shlex
from collections.abc import Sequence

import click
from tabulate import tabulate

__all__ = ["WIDTH", "command", "heading", "line", "table"]

WIDTH = 100


def heading(text: str) -> None:
    """The title of a part of the demo."""
    click.echo(f"\n== {text} {'=' * (WIDTH - 4 - len(text))}\n")


def line(text: str = "") -> None:
    """One line, flushed, so that progress is seen when it happens."""
    click.echo(text)


def command(words: Sequence[str]) -> None:
    """A command line as the reader could type it."""
    click.echo(f"$ {shlex.join(words)}")


def table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
    """A table; numbers are right-aligned with their thousands apart."""
    shown = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    numeric = [all(isinstance(row[column], int) for row in rows) for column in range(len(headers))]
    align = ["right" if is_number else "left" for is_number in numeric]
    click.echo(tabulate(shown, headers=headers, tablefmt="simple", colalign=align, disable_numparse=True))

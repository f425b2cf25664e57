"""`spanledger doctor`."""

import os
import textwrap
from dataclasses import asdict

import click

from spanledger._report import PointReport, report
from spanledger_collector.cli.checks.collector import check_collector
from spanledger_collector.cli.checks.content import check_content
from spanledger_collector.cli.checks.finding import Finding
from spanledger_collector.cli.checks.patches import check_patches
from spanledger_collector.cli.checks.variables import check_variables
from spanledger_collector.cli.command import format_option, where_of, where_options
from spanledger_collector.cli.output import Column, Format, Table, emit, printable
from spanledger_collector.cli.source import server_url

__all__ = ["doctor"]

_COLUMNS = tuple(Column(name) for name in ("level", "about", "seen", "remedy", "points"))

_MARGIN = " " * 8
_WIDTH = 110
"""Characters of a line within the margin."""

_LEVELS = {"ok": "ok      ", "note": "note    ", "trouble": "TROUBLE "}


@click.command(params=[*where_options(), format_option()])
@click.pass_context
def doctor(context: click.Context, *, how: Format, **_where: object) -> None:
    """Say what is patched, what can be reached and what has arrived.

    Run it where your app runs: it patches the SDKs that are installed there, in its own process, names each function
    that is to be patched as patched, absent or failed, reads the environment as the app would, says whether prompts are
    captured, tries the way to the collector, and asks the collector what came. Exit code 1: it found trouble.
    """
    where = where_of(context)
    collector = check_collector(os.environ, server_url(where), where.access)
    found = [*check_patches(), *check_variables(os.environ), *check_content(os.environ, report()), *collector]
    emit(_table(found), how)
    if any(finding.level == "trouble" for finding in found):
        context.exit(1)


def _table(found: list[Finding]) -> Table:
    troubles = sum(finding.level == "trouble" for finding in found)
    verdict = "No trouble found." if troubles == 0 else f"Trouble found: {troubles}."
    return Table(
        columns=_COLUMNS,
        rows=[[one.level, one.about, one.seen, one.remedy, "; ".join(map(_named, one.points))] for one in found],
        document={"troubles": troubles, "findings": [asdict(finding) for finding in found]},
        drawing="\n".join([*map(_lines, found), "", verdict]),
    )


def _lines(finding: Finding) -> str:
    """A finding for people: sentences are too long for columns."""
    first = printable(f"{_LEVELS[finding.level]}{finding.about}: {finding.seen}")
    more = [finding.remedy] if finding.remedy else []
    lines = [f"{_MARGIN}{printable(line)}" for line in (*more, *_by_module(finding.points))]
    return "\n".join([first, *lines])


def _by_module(points: tuple[PointReport, ...]) -> list[str]:
    """Every function that is to be patched, with what became of it; those of one module on a line, if they fit."""
    grouped: dict[str, list[str]] = {}
    for point in points:
        module, _, attribute = point.point.partition(":")
        reason = f" ({point.reason})" if point.reason else ""
        grouped.setdefault(f"{point.status} {module}:", []).append(f"{attribute}{reason}")
    return [
        line
        for module, attributes in grouped.items()
        for line in textwrap.wrap(f"{module} {', '.join(attributes)}", _WIDTH, subsequent_indent="    ")
    ]


def _named(point: PointReport) -> str:
    return f"{point.status} {point.point}" + (f" ({point.reason})" if point.reason else "")

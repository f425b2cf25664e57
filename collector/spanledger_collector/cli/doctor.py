"""`spanledger doctor`."""

import os
from dataclasses import asdict

import click

from spanledger._report import report
from spanledger_collector.cli.checks.collector import check_collector
from spanledger_collector.cli.checks.content import check_content
from spanledger_collector.cli.checks.finding import Finding
from spanledger_collector.cli.checks.patches import check_patches
from spanledger_collector.cli.checks.variables import check_variables
from spanledger_collector.cli.command import format_option, where_of, where_options
from spanledger_collector.cli.output import Column, Format, Table, emit, printable
from spanledger_collector.cli.source import server_url

__all__ = ["doctor"]

_COLUMNS = tuple(Column(name) for name in ("level", "about", "seen", "remedy"))


_LEVELS = {"ok": "ok      ", "note": "note    ", "trouble": "TROUBLE "}


@click.command(params=[*where_options(), format_option()])
@click.pass_context
def doctor(context: click.Context, *, how: Format, **_where: object) -> None:
    """Say what is patched, what can be reached and what has arrived.

    Run it where your app runs: it patches the SDKs that are installed there, in its own process, reads the environment
    as the app would, says whether prompts are captured, tries the way to the collector, and asks the collector what
    came. Exit code 1: it found trouble.
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
        rows=[[finding.level, finding.about, finding.seen, finding.remedy] for finding in found],
        document={"troubles": troubles, "findings": [asdict(finding) for finding in found]},
        drawing="\n".join([*map(_lines, found), "", verdict]),
    )


def _lines(finding: Finding) -> str:
    """A finding for people: sentences are too long for columns."""
    first = printable(f"{_LEVELS[finding.level]}{finding.about}: {finding.seen}")
    return f"{first}\n{' ' * 8}{printable(finding.remedy)}" if finding.remedy else first

"""`spanledger coverage`."""

from fractions import Fraction

import click

from spanledger_collector.cli.command import question_command
from spanledger_collector.cli.notes import cut_note, notes, period_note, plural
from spanledger_collector.cli.output import Column, Table
from spanledger_collector.ledger.queries import QUESTION_BY_NAME, Document
from spanledger_collector.ledger.queries.coverage import covered

__all__ = ["coverage"]

_COLUMNS = (
    Column("service"),
    Column("host"),
    Column("call_site", title="call site"),
    Column("request"),
    Column("requests", "count"),
    Column("metered", "count"),
    Column("without_usage", "count", "without usage"),
    Column("unseen", "count"),
    Column("failed", "count"),
    Column("last_at", "time", "last (UTC)"),
    Column("first_at", "time", only="csv"),
    Column("trace_id", "id", "a trace"),
)

_TEXT = """How much of the traffic to models is metered.

Compares HTTP client spans to the hosts of model providers (instrumentations of httpx, requests, aiohttp, urllib3 and
others) with the calls of the ledger. A request is metered if a call with usage lies around, below or beside it; without
usage if that call reported none; unseen if no call tells of it. What failed was not billed. The call site is what the
span says of the code that sent it, or else the span around it.
"""

_NOTHING_SEEN = (
    "No request to a model has been seen as an HTTP client span: is an HTTP instrumentation on, such as "
    "opentelemetry-instrumentation-httpx? Hosts of your own are named with `spanledger serve --model-hosts`."
)


def _table(document: Document) -> Table:
    total = document["total"]
    sums = ["total", *[""] * 3, *(total.get(column.name, "") for column in _COLUMNS[4:])]
    return Table(
        columns=_COLUMNS,
        rows=[[row[column.name] for column in _COLUMNS] for row in document["rows"]],
        document=document,
        heading=period_note(document).replace("Calls", "Requests"),
        sums=[sums] if document["rows"] else (),
        footnotes=[_verdict(total), *notes(document)],
        cut=cut_note(document, "groups", document["limit"]),
    )


def _verdict(total: Document) -> str:
    if total["covered_percent"] is None:
        return _NOTHING_SEEN
    answered = total["requests"] - total["failed"]
    return f"{total['covered_percent']} % of {plural(answered, 'request')} that did not fail are metered."


def _check(context: click.Context, document: Document) -> None:
    """Exit code 1 under the limit, and where nothing was seen that could be over it."""
    limit: Fraction | None = context.params["fail_under"]
    part = covered(document["total"])
    if limit is not None and (part is None or part * 100 < limit):
        reason = _NOTHING_SEEN if part is None else f"Less than {float(limit):g} % are metered."
        click.echo(reason, err=True)
        context.exit(1)


class _Percent(click.ParamType[Fraction]):
    """0 to 100."""

    name = "PCT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        try:
            part = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            part = Fraction(-1)
        if not 0 <= part <= 100:
            self.fail(f"{str(value)!r} is no percentage from 0 to 100", param, ctx)
        return part


_FAIL_UNDER = click.Option(["--fail-under"], type=_Percent(), help="Exit code 1 if less than PCT percent are metered.")

coverage = question_command(QUESTION_BY_NAME["coverage"], _table, _TEXT, more=(_FAIL_UNDER,), then=_check)

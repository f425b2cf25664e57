"""`spanledger prices`: see, compare and set prices."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spanledger_collector.cli.price_notes import unknown_words, what_ended
from spanledger_collector.cli.price_options import book_of, price_file_options
from spanledger_collector.cli.price_views import diff, show
from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries.estimate import CONDITIONS

if TYPE_CHECKING:
    from spanledger_collector.catalogues import Catalogue
    from spanledger_collector.pricing import PriceBook

__all__ = ["prices"]

_FROM = click.option(
    "--from", "start", metavar="TIME", help="In force from this date or time on; always, if not given."
)
_TO = click.option("--to", "end", metavar="TIME", help="In force until this date or time, which is excluded.")
_LAYER = click.option(
    "--layer",
    type=click.Choice(("contract", "organisation", "list")),
    default="organisation",
    show_default=True,
    help="Who says so; a contract is stronger than an organisation, which is stronger than the list.",
)
_SOURCE = click.option(
    "--source",
    default="spanledger prices",
    show_default=True,
    help="Where it can be checked: stands beside every charge.",
)
_PER = {"1": "each", "1000": "thousand", "3600": "hour", "1000000": "mtok"}


@click.group()
def prices() -> None:
    """See, compare and set prices.

    Your own prices are in one file of text, `<db>.prices.toml` beside the ledger. They are laid over the shipped list:
    servers read it when they start and for each `reprice`, `rebuild` when it runs.
    """


prices.add_command(show)
prices.add_command(diff)


@prices.command("set", params=price_file_options())
@click.argument("provider")
@click.argument("model")
@click.argument("meter", required=False)
@click.argument("price", required=False)
@click.option(
    "--per",
    type=click.Choice(tuple(_PER)),
    help="The price is for so many units.  [default: 1000000 tokens, 1 of others]",
)
@click.option("--free", is_flag=True, help="The model costs nothing, whatever it counts; no METER and PRICE then.")
@click.option(
    "--when", "conditions", metavar="NAME=VALUE", multiple=True, help="Only under this condition; * is any value."
)
@click.option("--above", metavar="N", type=click.IntRange(min=1), help="Only for requests of more input tokens.")
@_FROM
@_TO
@_LAYER
@_SOURCE
def set_price(
    *,
    provider: str,
    model: str,
    meter: str | None,
    price: str | None,
    per: str | None,
    free: bool,
    conditions: tuple[str, ...],
    above: int | None,
    start: str | None,
    end: str | None,
    layer: str,
    source: str,
    db: Path,
    prices: Path | None,
) -> None:
    """Set the price in USD of a meter of a model, in your own price file.

    A price that was set before for the same thing ends when the new one starts. `spanledger reprice` prices anew what
    is in the ledger, and has a running server read the file again.
    """
    if free in (price is not None, meter is not None):
        raise click.UsageError("Give METER and PRICE, or --free.")
    item = {**_named(provider, model), **_dated(start, end, layer, source)}
    if conditions:
        item["scope"] = dict(map(_condition, conditions))
    if above is not None:
        item["above"] = above
    if meter is not None and price is not None:
        item[_PER[per or _usual(meter)]] = {meter: _amount(price)}
    before = _write(db, prices, "free" if free else "price", item)
    for line in unknown_words(before, str(item["provider"]), meter):
        click.echo(line, err=True)


@prices.command(params=price_file_options())
@click.argument("provider")
@click.argument("model")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_FROM
@_TO
@_LAYER
@_SOURCE
def name(
    *,
    provider: str,
    model: str,
    names: tuple[str, ...],
    start: str | None,
    end: str | None,
    layer: str,
    source: str,
    db: Path,
    prices: Path | None,
) -> None:
    """Say which model your own names mean: Azure deployments, Bedrock application profiles, Vertex endpoints."""
    dated = _dated(start, end, layer, source)
    listed = _listed(provider, model, book_of(db, prices))
    for one in names:
        _write(db, prices, "names", {**listed, "names": [one], **dated})


@prices.command("import", params=price_file_options())
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(("user", "litellm", "model-prices", "genai-prices")),
    default="user",
    show_default=True,
    help="What FILE is: TOML, YAML or CSV of your own, or another catalogue (genai-prices: the installed package).",
)
@click.option("--all", "everything", is_flag=True, help="Also what the price book has prices for already.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken.")
def import_(
    *, file: Path | None, form: "Catalogue", everything: bool, dry_run: bool, db: Path, prices: Path | None
) -> None:
    """Take prices from another file or catalogue into your own price file; genai-prices needs no FILE.

    Of a catalogue only models are taken that have no price yet, in the layer of the organisation.
    """
    from spanledger_collector.catalogues import imported, write_prices  # noqa: PLC0415
    from spanledger_collector.price_file import price_file_of  # noqa: PLC0415

    if file is None and form != "genai-prices":
        raise click.UsageError("Give the FILE that the prices are in.")
    text, report = imported(file or Path(form), form, book_of(db, prices), everything=everything)
    click.echo("\n".join(report.lines()))
    path = price_file_of(db, prices)
    before = path.read_text(encoding="utf-8").rstrip() + "\n\n" if path.exists() else ""
    if dry_run or not text.strip():
        click.echo("Nothing was written.")
        return
    click.echo(f"{path}: price book {write_prices(path, before + text).sha256[:12]}.")


def _named(provider: str, model: str) -> dict[str, object]:
    """The provider by the name that the price book has for it, and the model."""
    from spanledger_collector.pricing.providers import PROVIDER_BY_NAME  # noqa: PLC0415

    known = PROVIDER_BY_NAME.get(provider.lower())
    return {"provider": known.name if known else provider.lower(), "models": [model.lower()]}


def _listed(provider: str, model: str, book: "PriceBook") -> dict[str, object]:
    """The model that is called so, as the price book has it. Raises BadQuery for one without a price."""
    from spanledger_collector.ledger.queries.question import utc_now  # noqa: PLC0415
    from spanledger_collector.pricing.names import listed_name  # noqa: PLC0415

    who, listed = listed_name(provider, model, book, int(utc_now().timestamp()) * 10**9)
    if not book.entries_of(who, listed):
        raise BadQuery(
            f"No price is known for {who} {model}. `spanledger prices show {who}` lists the models that have one, and "
            "`spanledger prices set` gives one to another."
        )
    return {"provider": who, "model": listed}


def _dated(start: str | None, end: str | None, layer: str, source: str) -> dict[str, object]:
    from spanledger_collector.ledger.queries.moments import at_ns  # noqa: PLC0415
    from spanledger_collector.ledger.queries.question import utc_now  # noqa: PLC0415

    given = {name: text for name, text in (("from", start), ("to", end)) if text}
    for option, text in given.items():
        at_ns(option, text)
    return {"layer": layer, **given, "source": source, "recorded": f"{utc_now():%Y-%m-%d}"}


def _condition(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not value or key not in CONDITIONS:
        raise click.UsageError(f"--when is NAME=VALUE with a name of {', '.join(CONDITIONS)}, not {text!r}.")
    return key, value.lower()


def _usual(meter: str) -> str:
    from spanledger_collector.pricing.importers.sources import unit_of  # noqa: PLC0415

    return "1000000" if unit_of(meter) == "token" else "1"


def _amount(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise click.UsageError(f"PRICE is an amount in USD such as 2.50, not {text!r}.")
    return format(amount, "f")


def _write(db: Path, prices: Path | None, table: str, item: dict[str, Any]) -> "PriceBook":
    """Write a table into the price file, and say what that ends. Returns the book as it was before."""
    from spanledger_collector.catalogues import write_prices, written_with  # noqa: PLC0415
    from spanledger_collector.price_file import own_book, price_file_of  # noqa: PLC0415

    path = price_file_of(db, prices)
    before = own_book(db, path if path.exists() else None)
    book = write_prices(path, written_with(path, table, item))
    for line in what_ended(before, book, item["provider"], next(iter(item.get("models", ())), "")):
        click.echo(line)
    click.echo(f"{path}: price book {book.sha256[:12]}. `spanledger reprice` prices anew what is in the ledger.")
    return before

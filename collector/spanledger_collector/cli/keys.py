"""`spanledger keys`: who may send spans, and who may read from other machines."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanledger_collector.cli.command import format_option
from spanledger_collector.cli.file_options import db_option, file_option
from spanledger_collector.cli.output import Column, Format, Table, Unknown, emit
from spanledger_collector.errors import BadQuery

if TYPE_CHECKING:
    from spanledger_collector.keys import Key

__all__ = ["keys"]

_COLUMNS = (Column("name"), Column("role"), Column("org"))


def _where() -> list[click.Parameter]:
    """`--keys` and `--db`."""
    text = "The file with the keys.  [default: <db>.keys.toml beside the ledger]"
    return [file_option(("--keys", "named"), "SPANLEDGER_KEYS", text), db_option()]


@click.group()
def keys() -> None:
    """Make, list and remove the keys of a server.

    They are in one file, `<db>.keys.toml` beside the ledger, of which a running server notices changes within a second.
    With such a file nobody sends spans without a key. Keys themselves are not in it, only what recognises them.
    """


@keys.command(params=_where())
@click.argument("name")
@click.option("--org", help="Whatever its spans claim, this organisation spent it.")
@click.option("--admin", is_flag=True, help="A key for reading from other machines, not for sending.")
def add(*, name: str, org: str | None, admin: bool, named: Path | None, db: Path) -> None:
    """Make a key and print it, once: it cannot be shown again."""
    from spanledger_collector.keys import key_file_of, new_key, write_keys  # noqa: PLC0415 - needs the extra

    if admin and org:
        raise click.UsageError("--org is for keys that send; --admin makes one that reads.")
    known = _known(named, db)
    if any(key.name == name for key in known):
        raise BadQuery(f"There is a key {name!r} already. Remove it first, or make one of another name beside it.")
    secret, key = new_key(name, "admin" if admin else "ingest", org)
    write_keys(key_file_of(db, named), [*known, key])
    click.echo(secret)
    use = "SPANLEDGER_KEY" if admin else 'OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20KEY"'
    click.echo(f"This is the key; it cannot be shown again. Use it as {use}.", err=True)


@keys.command(name="list", params=[*_where(), format_option()])
def list_(*, named: Path | None, db: Path, how: Format) -> None:
    """The names of the keys, what they may do and for whom."""
    known = _known(named, db)
    rows = [[key.name, key.role, key.org or Unknown("any")] for key in known]
    document = {"rows": [{"name": key.name, "role": key.role, "org": key.org} for key in known]}
    emit(Table(_COLUMNS, rows, document), how)


@keys.command(params=_where())
@click.argument("name")
def remove(*, name: str, named: Path | None, db: Path) -> None:
    """Take a key out of force. The file stays, also with no key left: then nobody is let in."""
    from spanledger_collector.keys import key_file_of, write_keys  # noqa: PLC0415 - needs the extra

    known = _known(named, db)
    rest = [key for key in known if key.name != name]
    if len(rest) == len(known):
        raise BadQuery(f"There is no key {name!r}. `spanledger keys list` shows what there is.")
    write_keys(key_file_of(db, named), rest)
    click.echo(f"The key {name} is out of force as soon as the server notices, which takes a second.", err=True)


def _known(named: Path | None, db: Path) -> "tuple[Key, ...]":
    from spanledger_collector.keys import key_file_of, read_keys  # noqa: PLC0415 - needs the extra

    path = key_file_of(db, named)
    return read_keys(path) if path.exists() else ()

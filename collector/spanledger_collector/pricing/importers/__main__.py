"""`python -m spanledger_collector.pricing.importers`: make the shipped list book again and print what was left
out."""

from pathlib import Path

import click

from spanledger_collector.pricing.importers.build import build_list_book, canonical_files


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the shipped files would change.")
def main(check: bool) -> None:
    """Make the shipped list book from the installed genai-prices and our own sources."""
    book, report = build_list_book()
    click.echo("\n".join(report.lines()))
    click.echo(repr(book))
    folder = Path(__file__).parent.parent / "data"
    changed = False
    for name, text in canonical_files(book).items():
        path = folder / name
        changed |= not path.exists() or path.read_text(encoding="utf-8") != text
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and changed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

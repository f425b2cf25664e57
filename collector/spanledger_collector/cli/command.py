"""A command from a named query: its parameters become options, its answer a table."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from spanledger_collector.cli.access import access_of, access_options
from spanledger_collector.cli.output import FORMATS, Table, emit
from spanledger_collector.cli.source import DEFAULT_DB, DEFAULT_URL, Where, ask
from spanledger_collector.ledger.queries import Arguments, Document, Parameter, Question

__all__ = ["format_option", "question_command", "where_of", "where_options"]


def where_options() -> list[click.Parameter]:
    """`--url` and `--db`, and how to get into a server."""
    return [
        click.Option(
            ["--url"],
            envvar="SPANLEDGER_URL",
            show_envvar=True,
            help=f"Ask this server.  [default: {DEFAULT_URL}, if one answers there]",
        ),
        click.Option(
            ["--db"],
            type=click.Path(dir_okay=False, path_type=Path),
            envvar="SPANLEDGER_DB",
            show_envvar=True,
            help=f"Read this ledger file, or ask the server that owns it.  [default: {DEFAULT_DB}]",
        ),
        *access_options(),
    ]


def format_option() -> click.Parameter:
    """`--format`."""
    text = "A table for people, or exact values."
    return click.Option(["--format", "how"], type=click.Choice(FORMATS), default="table", show_default=True, help=text)


def where_of(context: click.Context) -> Where:
    """What the user named. An option is stronger than a variable, a server than a file; both options are a mistake."""
    url, db, access = context.params["url"] or None, context.params["db"], access_of(context)
    sources = {name: context.get_parameter_source(name) for name in ("url", "db")}
    if url is None or db is None:
        return Where(url, db, access)
    if sources["url"] is sources["db"] is ParameterSource.COMMANDLINE:
        raise click.UsageError("Give --url or --db, not both.")
    if sources["db"] is ParameterSource.COMMANDLINE:
        return Where(db=db, access=access)
    return Where(url, access=access)


def question_command(
    question: Question,
    render: Callable[[Document], Table],
    text: str,
    *,
    more: Sequence[click.Parameter] = (),
    then: Callable[[click.Context, Document], None] | None = None,
) -> click.Command:
    """The command that asks `question` and prints what `render` makes of the answer; `text` is its help.

    `more` are options of the command alone, for what is done with the answer `then`.
    """
    click_names = {parameter.name: _identifier(parameter) for parameter in question.parameters}

    @click.pass_context
    def run(context: click.Context, /, **values: Any) -> None:  # noqa: ANN401 - what click parsed
        arguments = {name: _texts(values[click_names[name]]) for name in click_names}
        given: Arguments = {name: texts for name, texts in arguments.items() if texts}
        document = ask(question, given, where_of(context))
        emit(render(document), values["how"])
        if then is not None:
            then(context, document)

    params = [_click_parameter(question, parameter) for parameter in question.parameters]
    return click.Command(
        question.name, callback=run, params=[*params, *more, *where_options(), format_option()], help=text
    )


def _click_parameter(question: Question, parameter: Parameter) -> click.Parameter:
    if parameter.in_path or question.posted_as:
        return click.Argument([_identifier(parameter)], metavar=parameter.metavar)
    return click.Option(
        [f"--{parameter.name.replace('_', '-')}", _identifier(parameter)],
        metavar="|".join(parameter.choices) or parameter.metavar,
        multiple=parameter.many,
        default=() if parameter.many else parameter.default,
        show_default=parameter.default is not None,
        help=parameter.help,
    )


def _identifier(parameter: Parameter) -> str:
    """A name that is no Python keyword (`from`) and none of click's."""
    return f"asked_{parameter.name}"


def _texts(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)

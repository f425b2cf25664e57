"""The options of `spanledger serve`: one for each setting, which gets there."""

from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from spanledger_collector import service
from spanledger_collector.cli.serve import serve
from spanledger_collector.settings import Address, Retention, Settings, TlsFiles

NOT_ON_THE_COMMAND_LINE = {"drain_seconds"}


def settings_of(monkeypatch: pytest.MonkeyPatch, *words: str, **variables: str) -> Settings:
    """What the server would be told."""
    told: list[Settings] = []

    def run(settings: Settings, _announce: object) -> None:
        told.append(settings)

    monkeypatch.setattr(service, "run", run)
    done = CliRunner().invoke(serve, words, env=variables)
    assert done.exit_code == 0, done.output
    return told[0]


def test_without_options_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch) == Settings()


def test_every_setting_can_be_told() -> None:
    options = {parameter.name for parameter in serve.params}
    grouped = {f"keep_{field.name}" for field in fields(Retention)} | {"tls_cert", "tls_key", "tls_client_ca"}
    known = {field.name for field in fields(Settings)} - {"retention", "tls"} - NOT_ON_THE_COMMAND_LINE
    assert options == known | grouped


def test_options_and_variables_get_there(monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        *("--db", "x.duckdb", "--prices", "p.toml", "--web", "[::1]:1", "--max-request-bytes", "2048"),
        *("--cors-origins", "https://A.example, http://b.example:8080", "--keep-calls", "90"),
        *("--keep-skeletons", "forever", "--tls-cert", "c.pem", "--tls-client-ca", "ca.pem"),
    )
    assert settings_of(
        monkeypatch, *words, SPANLEDGER_KEEP_ATTRIBUTES="7", SPANLEDGER_MODEL_HOSTS="One.example,two"
    ) == Settings(
        db=Path("x.duckdb"),
        prices=Path("p.toml"),
        web=Address("::1", 1),
        max_request_bytes=2048,
        cors_origins=("https://a.example", "http://b.example:8080"),
        model_hosts=("one.example", "two"),
        retention=Retention(skeletons=None, attributes=7, calls=90),
        tls=TlsFiles(Path("c.pem"), Path("c.pem"), Path("ca.pem")),
    )


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--keep-calls", "soon", "neither a number of days nor `forever`"),
        ("--keep-calls", "-1", "neither a number of days nor `forever`"),
        ("--cors-origins", "shop.example", "for example https://shop.example"),
        ("--cors-origins", "https://shop.example/page", "for example https://shop.example"),
        ("--grpc", "4317", "for example 127.0.0.1:4317"),
        ("--max-connections", "0", "x>=1"),
    ],
)
def test_what_is_no_value_is_refused_with_an_example(option: str, value: str, words: str) -> None:
    done = CliRunner().invoke(serve, [option, value])
    assert (done.exit_code, words in done.output) == (2, True), done.output


def test_the_help_says_every_default() -> None:
    text = serve.get_help(click.Context(serve, info_name="serve", terminal_width=200, max_content_width=200))
    for option, default in (("--db", "spanledger.duckdb"), ("--keep-calls", "forever"), ("--keep-skeletons", "30")):
        (line,) = (line for line in text.splitlines() if line.strip().startswith(f"{option} "))
        assert f"[default: {default}" in line

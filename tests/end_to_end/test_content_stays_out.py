"""Prompts and completions that an application has captured do not land in the ledger, whatever way they come."""

import os
from pathlib import Path

import duckdb
import pytest

from spanledger_collector.demo.app_run import Transport, app_environment, run_app
from spanledger_collector.demo.processes import collector, provider

EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = "Aurelia Wolkenstein lives at Hafenweg 3"
TOOL = "find_wolkenstein"
APP = f"""
import openai

client = openai.OpenAI()
tools = [{{"type": "function", "function": {{"name": "{TOOL}", "parameters": {{"type": "object"}}}}}}]
said = [{{"role": "system", "content": "{SECRET}."}}, {{"role": "user", "content": "Where does she live?"}}]
client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=tools)
client.responses.create(model="gpt-4o-mini", instructions="{SECRET}.", input="{SECRET}?")
"""


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_ledger_knows_the_calls_and_not_what_was_said(tmp_path: Path, protocol: str) -> None:
    app, db = tmp_path / "app.py", tmp_path / "ledger.duckdb"
    app.write_text(APP)
    printed: list[str] = []
    with provider(EXAMPLES, tmp_path / "provider.log") as url, collector(db, tmp_path / "serve.log") as ledger:
        transport = Transport(protocol, ledger.grpc if protocol == "grpc" else ledger.http)
        environment = app_environment(transport, url, os.environ) | {
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_AND_EVENT",
            "OTEL_TRACES_EXPORTER": "otlp,console",
            "OTEL_LOGS_EXPORTER": "otlp,console",
        }
        run_app(app, environment, tmp_path / "app.log", printed.append)
        ledger.wait_until_settled()
        assert ledger.stop() == 0
    assert sum(SECRET in line for line in printed) >= 4  # on two spans and in two events, all of which were sent
    with duckdb.connect(str(db), read_only=True) as opened:
        assert opened.sql("SELECT count(*) FROM calls WHERE usage_status = 'metered'").fetchall() == [(2,)]
        assert holding(opened, "gpt-4o-mini")
        assert holding(opened, "olkenstein") == []


def holding(opened: duckdb.DuckDBPyConnection, said: str) -> list[str]:
    """The tables of whatever schema that have this text in any row."""
    tables = opened.sql('SELECT format(\'"{}"."{}"\', schema_name, table_name) FROM duckdb_tables()').fetchall()
    query = "SELECT count(*) FROM {} AS held WHERE contains(held::VARCHAR, $said)"
    return [name for (name,) in tables if opened.execute(query.format(name), {"said": said}).fetchall() != [(0,)]]

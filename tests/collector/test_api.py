"""The web port over real sockets: what it answers, to whom, and how it says no."""

import asyncio
import shutil
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from receiving import until
from small_ledger import ANSWERED, COST_ANSWERED, TRACE_A
from web_port import WebPort, web_port

from spanledger._version import __version__
from spanledger_collector.cli import spanledger
from spanledger_collector.errors import Stopping
from spanledger_collector.ledger.queries import QUESTIONS
from spanledger_collector.ledger.store import Ledger
from spanledger_collector.serve.readers import AT_ONCE, Readers

ASKED = {"/v1/sql": "?q=SELECT+1", "/v1/estimate": "?provider=openai&model=gpt-4o&input_tokens=1"}
"""What paths must be asked with."""
SLOW = "SELECT count(*) FROM range(1000000000000) a, range(1000) b"


@pytest.fixture(scope="module")
def web(small_ledger_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebPort]:
    db = tmp_path_factory.mktemp("web") / "ledger.duckdb"
    shutil.copy(small_ledger_file, db)
    with web_port(db) as running:
        yield running


@pytest.mark.parametrize(("path", "text"), [("/healthz", b"ok\n"), ("/readyz", b"ready\n")])
def test_it_says_that_it_lives_and_is_ready(web: WebPort, path: str, text: bytes) -> None:
    answer = web.get(path)
    assert (answer.status, answer.body) == (200, text)


def test_usage(web: WebPort) -> None:
    document = web.get("/v1/usage/query?by=user&period=all&feature=ask").json
    assert [(row["user"], row["cost_usd"]) for row in document["rows"]] == [("ada", COST_ANSWERED)]


def test_statistics_of_a_period(web: WebPort) -> None:
    assert web.get("/api/usage/stats?period=all").json["total"]["calls"] == 5


def test_a_filter_may_come_several_times(web: WebPort) -> None:
    assert web.get("/v1/calls?user=ada&user=bob").json["total"]["calls"] == 4


def test_one_call_and_one_trace(web: WebPort) -> None:
    assert web.get(f"/v1/calls/{ANSWERED}/explain").json["charged_usd"] == COST_ANSWERED
    assert web.get(f"/v1/traces/{TRACE_A[:8]}/cost").json["total"]["calls"] == 3


def test_status_tells_of_the_ledger_and_of_the_process(web: WebPort) -> None:
    web.served.stats.rejected.labels("impossible_time").inc(2)
    status = web.get("/v1/status").json
    assert (status["pending"], status["spans"], status["calls"]) == (1, 9, 5)
    assert status["settle_lag_seconds"] > 0
    assert (status["version"], status["db"]) == (__version__, str(web.served.ledger.path))
    assert status["counters"]["spans_rejected"] == {"impossible_time": 2}
    assert status["pid"] > 0


def test_metrics_hold_counters_and_the_ledger(web: WebPort) -> None:
    answer = web.get("/metrics")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    priced = (
        ("model", "gpt-6"),
        ("price_status", "priced"),
        ("provider", "openai"),
        ("usage_status", "metered"),
    )
    assert samples["spanledger_ledger_cost_usd", *priced] == float(COST_ANSWERED)
    assert samples["spanledger_ledger_calls", *priced] == 1
    assert ("spanledger_spans_received_total",) in samples
    assert samples[("spanledger_ledger_settle_lag_seconds",)] > 0, "one observation is pending"
    assert samples[("spanledger_ledger_file_bytes",)] >= samples[("spanledger_ledger_free_bytes",)] >= 0


def test_a_sum_that_is_not_known_has_no_sample(web: WebPort) -> None:
    text = web.get("/metrics").body.decode()
    assert 'spanledger_ledger_calls{model="mystery-1"' in text
    assert 'spanledger_ledger_cost_usd{model="mystery-1"' not in text


def test_the_description_names_every_path(web: WebPort) -> None:
    described = web.get("/openapi.json").json
    assert {question.path for question in QUESTIONS} <= set(described["paths"])
    names = [parameter["name"] for parameter in described["paths"]["/v1/usage/query"]["get"]["parameters"]]
    assert names == [parameter.name for parameter in QUESTIONS[0].parameters]


def test_every_described_path_answers(web: WebPort) -> None:
    values = {"{id}": ANSWERED, "{trace_id}": TRACE_A}
    for path in web.get("/openapi.json").json["paths"]:
        for name, value in values.items():
            path = path.replace(name, value)  # noqa: PLW2901 - the path with its parameters filled in
        assert web.get(path + ASKED.get(path, "")).status == 200


def test_the_front_page_links_what_is_here(web: WebPort) -> None:
    page = web.get("/").body.decode()
    assert all(question.path in page for question in QUESTIONS)


def test_sql_by_get_and_by_post(web: WebPort) -> None:
    query = "SELECT call_id FROM calls WHERE user_id = 'bob'"
    rows = [["ca11000000000004"]]
    assert web.get(f"/v1/sql?q={quote(query)}").json["rows"] == rows
    assert web.post("/v1/sql", {"query": query}).json["rows"] == rows


@pytest.mark.parametrize(
    ("path", "status", "exit_code", "words"),
    [
        ("/v1/usage/query?perod=today", 400, 2, "perod"),
        ("/v1/usage/query?by=x", 400, 2, "no dimension"),
        ("/v1/calls?limit=-1", 400, 2, "whole number"),
        ("/v1/calls/ca1100/explain", 409, 1, "fits several"),
        ("/v1/calls/dddddd/explain", 404, 1, "no call"),
        ("/v1/traces/dddddd/cost", 404, 1, "no trace"),
        ("/v1/sql?q=DELETE+FROM+meta", 400, 2, "read"),
        ("/v1/sql", 400, 2, "needs q"),
        ("/nowhere", 404, None, "openapi.json"),
    ],
)
def test_problems_are_problem_details(web: WebPort, path: str, status: int, exit_code: int | None, words: str) -> None:
    answer = web.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["status"], answer.json.get("exit_code")) == (status, status, exit_code)
    assert words in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"query": "SELECT 1"}', "text/plain", 415),
        (b'{"query": "SELECT 1"}', "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": "SELECT 1"}', "application/json; charset=utf-8", 200),
        (b'{"query": "' + b" " * (1024 * 1024) + b'"}', "application/json", 413),
    ],
)
def test_a_posted_body_must_be_small_json(web: WebPort, body: bytes, content_type: str, status: int) -> None:
    assert web.post("/v1/sql", body, content_type).status == status


def test_other_methods_are_refused(web: WebPort) -> None:
    answer = web.request("DELETE", "/v1/calls", None, {})
    assert (answer.status, answer.headers["content-type"]) == (405, "application/problem+json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:4319"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:4319"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:4319"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": ""}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_on_loopback_pages_of_other_sites_are_refused(web: WebPort, headers: dict[str, str], status: int) -> None:
    for path in ("/v1/status", "/v1/sql?q=SELECT+1", "/metrics"):
        assert web.get(path, **headers).status == status


def test_a_link_from_another_site_may_open_the_front_page(web: WebPort) -> None:
    assert web.get("/", sec_fetch_site="cross-site").status == 200


def test_every_answer_names_the_server(web: WebPort) -> None:
    for path in ("/", "/v1/status", "/nowhere", "/v1/calls?limit=x"):
        assert web.get(path).headers["spanledger-version"] == __version__
    assert web.get("/", host="evil.example").headers["spanledger-version"] == __version__


def test_a_question_that_takes_too_long_is_stopped(small_ledger: Path) -> None:
    with web_port(small_ledger, seconds=0.5) as web:
        answer = web.post("/v1/sql", {"query": SLOW})
        assert (answer.status, answer.json["exit_code"]) == (504, 1)
        # as soon as the machine has half a second for it
        until(lambda: web.get("/v1/status").status == 200)


def test_slow_readers_hold_up_neither_the_process_nor_its_end(small_ledger: Path) -> None:
    """As many as there are threads, each allowed a minute: the end of the server ends them."""
    with ThreadPoolExecutor(AT_ONCE) as clients:
        with web_port(small_ledger, seconds=60) as web:
            asked = [clients.submit(web.post, "/v1/sql", {"query": SLOW}) for _ in range(AT_ONCE)]
            deadline = time.monotonic() + 20
            while len(web.readers.running) < AT_ONCE and time.monotonic() < deadline:
                assert web.get("/healthz").status == 200
        answers = [reader.result(timeout=20) for reader in asked]
    assert {answer.status for answer in answers} == {503}
    assert all("stopping" in answer.json["detail"] for answer in answers)


async def test_the_end_reaches_those_who_wait_for_their_turn(small_ledger: Path) -> None:
    with Ledger.open(small_ledger) as ledger:
        readers = Readers(ledger, at_once=1, seconds=60)
        asked = [asyncio.create_task(readers.run(lambda cursor: cursor.execute(SLOW).fetchall())) for _ in range(3)]
        readers.close()
        for reader in asked:
            with pytest.raises(Stopping):
                await reader
        with pytest.raises(Stopping):
            await readers.run(lambda cursor: cursor.execute("SELECT 1").fetchall())


def test_a_fault_of_the_server_is_told_as_one(web: WebPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a command does not take the server for somebody else's."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("spanledger_collector.serve.app.answer", broken)
    answer = web.get("/v1/calls")
    assert (answer.status, answer.json["status"]) == (500, 500)
    assert "RuntimeError" in answer.json["detail"]
    said = CliRunner().invoke(spanledger, ["calls", "--url", web.url])
    assert (said.exit_code, "see its log" in said.stderr) == (1, True)

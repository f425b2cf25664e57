"""Keys: who may send and who may read, for which organisation, and how keys come and go while the server runs."""

import base64
import json
import logging
import socket
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from otlp_http import head, send
from receiving import CHAT, in_json, received, request, until
from sdk_spans import EXPORT_SECONDS, spans
from web_port import web_port
from whole_server import server_with

from spanledger_collector import keys as keys_module
from spanledger_collector.cli import spanledger
from spanledger_collector.errors import BadKeys
from spanledger_collector.keys import KeyRing, key_file_of, new_key, open_keys, presented_key, read_keys, write_keys
from spanledger_collector.ledger.rebuild import rebuild
from spanledger_collector.model import KEY_ORG
from spanledger_collector.service import Running
from spanledger_collector.settings import Settings


def run(*words: str) -> Result:
    return CliRunner().invoke(spanledger, words, catch_exceptions=False)


def made(db: Path, name: str, *options: str) -> str:
    """A new key beside the ledger."""
    done = run("keys", "add", name, "--db", str(db), *options)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


@dataclass(frozen=True)
class Guarded:
    """A server with keys: of an organisation, of none, and for reading."""

    running: Running
    north: str
    any: str
    admin: str

    def send(self, number: int, key: str | None, **claims: str) -> int:
        """Send a call that claims such attributes; the status of the answer."""
        body = request([received(number, {**CHAT, **claims})]).SerializeToString()
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return send(self.running, body, **headers).status

    def orgs(self) -> list[tuple[Any, ...]]:
        """The organisations of the calls, once all is settled."""
        until(lambda: self.running.state.pending() == 0)
        with self.running.state.ledger.cursor() as cursor:
            return cursor.execute("SELECT org_id FROM calls ORDER BY started_at").fetchall()


@pytest.fixture
def guarded(db: Path) -> Generator[Guarded]:
    north, some, admin = made(db, "north", "--org", "org-north"), made(db, "any"), made(db, "me", "--admin")
    with server_with(Settings(db=db)) as running:
        yield Guarded(running, north, some, admin)


def test_nobody_sends_without_a_key_and_is_told_how(guarded: Guarded) -> None:
    body = request([received(1, CHAT)]).SerializeToString()
    for headers, words in (
        ({}, "the request has none"),
        ({"authorization": "Bearer sl_wrong"}, "does not know the key"),
        ({"authorization": f"Bearer {guarded.admin}"}, "does not know the key"),
        ({"authorization": f"Bearer {guarded.any[:-1]}"}, "does not know the key"),
        ({"authorization": "Negotiate x"}, "the request has none"),
    ):
        answer = send(guarded.running, body, **headers)
        assert (answer.status, answer.refusal().code) == (401, 16)
        assert words in answer.refusal().message
        assert "OTEL_EXPORTER_OTLP_HEADERS" in answer.refusal().message
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert guarded.running.state.stats.snapshot()["requests"] == {"http": {"traces": {"unauthenticated": 5.0}}}
    assert guarded.send(1, guarded.any) == 200


def test_each_key_has_a_share_of_the_memory_of_its_own_also_behind_one_gateway(db: Path) -> None:
    north, some = made(db, "north"), made(db, "any")
    body = request([received(1, CHAT)]).SerializeToString()
    settings = Settings(db=db, max_request_bytes=5_000, max_waiting_bytes=20_000)
    with server_with(settings) as running, ExitStack() as stack:
        for _ in range(2):
            slow = stack.enter_context(socket.create_connection(running.http, timeout=10))
            slow.sendall(head(5_000, authorization=f"Bearer {north}") + bytes(4_999))
        until(lambda: running.state.stats.snapshot()["waiting_bytes"] == 9_998)
        for key, status in ((north, 503), (some, 200)):
            assert send(running, body, authorization=f"Bearer {key}").status == status


def test_exporters_send_with_their_key_over_both_transports(guarded: Guarded) -> None:
    def exporters(key: str) -> list[SpanExporter]:
        headers = {"authorization": f"Bearer {key}"}
        grpc_spans = GrpcSpans(
            endpoint=f"http://{guarded.running.grpc}", insecure=True, headers=headers, timeout=EXPORT_SECONDS
        )
        url = f"{guarded.running.http.url}/v1/traces"
        return [grpc_spans, HttpSpans(endpoint=url, headers=headers, timeout=EXPORT_SECONDS)]

    for key, outcome in ((guarded.any, SpanExportResult.SUCCESS), ("sl_wrong", SpanExportResult.FAILURE)):
        for exporter in exporters(key):
            assert exporter.export(spans()) is outcome
            exporter.shutdown()


def test_grpc_is_told_the_same(guarded: Guarded) -> None:
    with grpc.insecure_channel(str(guarded.running.grpc)) as channel:
        untyped: Any = channel  # its stub asks for serializers, which bytes need not
        export = untyped.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(b"", timeout=10)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "spanledger keys add" in error.details()
        assert export(b"", timeout=10, metadata=(("authorization", f"Bearer {guarded.any}"),)) == b""


def test_the_organisation_of_a_key_overrides_every_claim_also_after_a_rebuild(guarded: Guarded) -> None:
    assert guarded.send(1, guarded.any, **{"spanledger.org": "org-south"}) == 200
    assert guarded.send(2, guarded.north, **{"spanledger.org": "org-south"}) == 200
    assert guarded.send(3, guarded.north) == 200
    expected = [("org-south",), ("org-north",), ("org-north",)]
    assert guarded.orgs() == expected
    state = guarded.running.state
    assert rebuild(state.ledger, state.book).equal
    assert guarded.orgs() == expected


@pytest.mark.parametrize("key", ["any", "north"])
def test_nobody_can_claim_to_have_come_with_a_key_of_another_organisation(guarded: Guarded, key: str) -> None:
    document = json.loads(in_json(request([received(1, CHAT)])))
    claim = {"key": KEY_ORG, "value": {"stringValue": "org-south"}}
    document["resourceSpans"][0]["resource"]["attributes"].append(claim)
    headers = {"authorization": f"Bearer {getattr(guarded, key)}"}
    assert send(guarded.running, json.dumps(document).encode(), "application/json", **headers).status == 200
    assert guarded.orgs() == [(None if key == "any" else "org-north",)]


def test_a_call_that_two_tell_of_is_the_organisation_s_whose_key_one_of_them_had(guarded: Guarded) -> None:
    both = {"gen_ai.response.id": "chatcmpl-abcdef0123456789"}
    assert guarded.send(1, guarded.any, **both, **{"spanledger.org": "org-south"}) == 200
    assert guarded.send(2, guarded.north, **both) == 200
    assert guarded.orgs() == [("org-north",)]


def test_the_same_span_under_an_old_and_a_new_key_of_an_organisation_is_one(guarded: Guarded, db: Path) -> None:
    assert guarded.send(1, guarded.north) == 200
    renewed = made(db, "north-2", "--org", "org-north")
    assert run("keys", "remove", "north", "--db", str(db)).exit_code == 0
    guarded.running.reload()
    assert guarded.send(1, guarded.north) == 401
    assert guarded.send(1, renewed) == 200
    until(lambda: guarded.running.state.journal.waiting.requests == 0)
    counts = guarded.running.state.stats.snapshot()
    assert (counts["spans_duplicate"], counts["spans_conflicting"]) == (1, 0)


def test_a_change_of_the_file_is_noticed_without_being_told(
    guarded: Guarded, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_LOOK_SECONDS", 0.0)
    fresh = made(db, "fresh")
    assert guarded.send(1, fresh) == 200
    assert run("keys", "remove", "fresh", "--db", str(db)).exit_code == 0
    assert guarded.send(1, fresh) == 401


def test_a_file_that_breaks_or_goes_lets_nobody_in_and_locks_nobody_out(
    guarded: Guarded, db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = key_file_of(db)
    for broken in ("[[keys]", "[[keys]]\nname = 'x'\n", None):
        file.unlink() if broken is None else file.write_text(broken)
        guarded.running.reload()
        assert (guarded.send(1, guarded.any), guarded.send(1, None)) == (200, 401)
    assert caplog.text.count("The keys that were read before stay in force.") == 3


def test_keys_are_neither_in_the_file_nor_in_the_log(
    guarded: Guarded, db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert guarded.send(1, guarded.any) == 200
    assert guarded.send(2, "sl_wrong-secret") == 401
    text = key_file_of(db).read_text()
    for secret in (guarded.any, guarded.north, guarded.admin, "wrong-secret"):
        assert secret not in text
        assert secret not in caplog.text
    assert key_file_of(db).stat().st_mode & 0o077 == 0


def test_beyond_loopback_nothing_is_read_without_an_admin_key(small_ledger: Path) -> None:
    admin, sender = made(small_ledger, "me", "--admin"), made(small_ledger, "app")
    basic = base64.b64encode(f"anyone:{admin}".encode()).decode()
    with web_port(small_ledger, told_host="0.0.0.0") as web:
        for path in ("/", "/v1/status", "/v1/sql?q=SELECT+1", "/metrics", "/openapi.json", "/nowhere"):
            for headers in ({}, {"authorization": f"Bearer {sender}"}, {"authorization": "Basic x"}):
                answer = web.get(path, host="ledger.example", **headers)
                assert (answer.status, answer.json["exit_code"]) == (401, 1)
                assert "Basic" in answer.headers["www-authenticate"]
            let_in = 404 if path == "/nowhere" else 200
            for scheme in (f"Bearer {admin}", f"Basic {basic}"):
                assert web.get(path, host="ledger.example", authorization=scheme).status == let_in
        assert web.post("/v1/sql", {"query": "SELECT 1"}).status == 401
        assert web.get("/v1/status", authorization=f"Bearer {admin}", sec_fetch_site="cross-site").status == 403
        assert [web.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]


def test_beyond_loopback_without_any_key_it_says_how_to_make_one(small_ledger: Path) -> None:
    with web_port(small_ledger, told_host="0.0.0.0") as web:
        answer = web.get("/v1/status", host="ledger.example")
        assert (answer.status, "spanledger keys add NAME --admin" in answer.json["detail"]) == (401, True)


def test_the_command_line_shows_its_key(small_ledger: Path) -> None:
    admin = made(small_ledger, "me", "--admin")
    with web_port(small_ledger, told_host="0.0.0.0") as web:
        where = ["status", "--url", web.url, "--format", "json"]
        refused = run(*where)
        assert (refused.exit_code, "SPANLEDGER_KEY" in refused.stderr) == (1, True)
        assert json.loads(run(*where, "--key", admin).stdout)["calls"] == 5
        doctor = CliRunner().invoke(spanledger, ["doctor", "--url", web.url], env={"SPANLEDGER_KEY": admin})
        assert "asks for a key" not in doctor.output
        assert str(small_ledger) in doctor.output


def test_keys_are_added_listed_and_removed(db: Path) -> None:
    made(db, "shop", "--org", "org-north")
    made(db, "me", "--admin")
    listed = json.loads(run("keys", "list", "--db", str(db), "--format", "json").stdout)["rows"]
    assert [(key["name"], key["role"], key["org"]) for key in listed] == [
        ("shop", "ingest", "org-north"),
        ("me", "admin", None),
    ]
    for words, said in (
        (("add", "shop"), "There is a key 'shop' already"),
        (("remove", "nobody"), "There is no key 'nobody'"),
        (("add", "x", "--admin", "--org", "y"), "--org is for keys that send"),
    ):
        done = run("keys", *words, "--db", str(db))
        assert (done.exit_code, said in done.stderr) == (2, True)
    for name in ("shop", "me"):
        assert run("keys", "remove", name, "--db", str(db)).exit_code == 0
    keys = open_keys(db)
    assert keys is not None, "a file without keys lets nobody in"
    assert len(keys) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys = 1", "Expected `array`"),
        ("[[key]]", "unknown field `key`"),
        ("[[keys]]\nname = 'x'\nrole = 'ingest'", "missing required field `sha256`"),
        (f"[[keys]]\nname = 'x'\nrole = 'root'\nsha256 = '{'0' * 64}'", "Invalid enum value 'root'"),
        ("[[keys]]\nname = 'x'\nrole = 'ingest'\nsha256 = 'secret'", "`$.keys[0].sha256`"),
        (f"[[keys]]\nname = 'x'\nrole = 'ingest'\nsha256 = '{'0' * 64}'\n" * 2, "2 keys have the name 'x'"),
        ("[[keys", "end of document"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(db: Path, text: str, words: str) -> None:
    key_file_of(db).write_text(text)
    with pytest.raises(BadKeys, match=r"The key file .* cannot be used: ") as caught:
        open_keys(db)
    assert words in str(caught.value)
    assert (caught.value.exit_code, open_keys(db.with_name("other"))) == (2, None)
    with pytest.raises(BadKeys, match="No such file"):
        open_keys(db, db.with_name("absent.toml"))


@given(st.text(), st.binary(max_size=40))
def test_any_authorization_header_is_read_or_ignored(text: str, value: bytes) -> None:
    for header in (text, f"Bearer {text}", f"Basic {base64.b64encode(value).decode()}"):
        presented_key(header)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_names_of_any_characters_are_kept(name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "keys.toml")
        secret, key = new_key(name, "ingest", name)
        write_keys(path, [key])
        assert read_keys(path) == (key,)
        assert KeyRing(path).find(secret, "ingest") == key
        assert KeyRing(path).find(secret, "admin") is None

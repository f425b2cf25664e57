"""TLS on all three ports: who gets in, who does not, and what an operator with the wrong files is told."""

import http.client
import json
import ssl
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from otlp_http import connected_from
from receiving import CHAT, received, request, until
from sdk_spans import EXPORT_SECONDS, spans
from whole_server import server_with

from spanledger_collector import ports
from spanledger_collector.cli import spanledger
from spanledger_collector.connections import ConnectionLimits
from spanledger_collector.errors import BadTls
from spanledger_collector.service import Running
from spanledger_collector.settings import Settings, TlsFiles
from spanledger_collector.tls import open_tls

ONE = request([received(1, CHAT)]).SerializeToString()
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True)
class Certificates:
    """Files of a certificate authority of the tests: for a server, and for a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    found = Certificates(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem")))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(found.ca))
    _write_server(authority, found)
    authority.issue_cert("app.example").private_key_and_cert_chain_pem.write_to_path(str(found.client))
    return found


def _write_server(authority: trustme.CA, files: Certificates) -> None:
    server = authority.issue_cert("127.0.0.1", "localhost")
    server.cert_chain_pems[0].write_to_path(str(files.server))
    server.private_key_pem.write_to_path(str(files.server_key))


@pytest.fixture(params=["tls", "mtls"])
def running(request: pytest.FixtureRequest, db: Path, certificates: Certificates) -> Generator[Running]:
    client_ca = certificates.ca if request.param == "mtls" else None
    files = TlsFiles(certificates.server, certificates.server_key, client_ca)
    with server_with(Settings(db=db, tls=files)) as server:
        yield server


def status(running: Running, certificates: Certificates, *, path: str, client: bool) -> int:
    """What the server answers over HTTPS: at the web port for a GET, else to a span."""
    context = ssl.create_default_context(cafile=certificates.ca)
    if client:
        context.load_cert_chain(certificates.client)
    host, port = running.http if path == "/v1/traces" else running.web
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    try:
        if path == "/v1/traces":
            connection.request("POST", path, ONE, PROTOBUF)
        else:
            connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def connects(channel: grpc.Channel, *, seconds: float) -> bool:
    """Whether a connection is made within the time."""
    untyped: Any = grpc  # the stub leaves open what the future gives: nothing
    try:
        untyped.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError:
        return False
    return True


def test_all_ports_speak_tls_and_ask_for_a_client_certificate_where_told(
    running: Running, certificates: Certificates
) -> None:
    settings = running.state.settings
    for path in ("/v1/traces", "/readyz"):
        assert status(running, certificates, path=path, client=True) == 200
        if settings.tls is not None and settings.tls.client_ca is None:
            assert status(running, certificates, path=path, client=False) == 200
        else:
            with pytest.raises((ssl.SSLError, OSError)):
                status(running, certificates, path=path, client=False)
    assert f"web        https://{running.web}" in running.describe()


def test_exporters_that_trust_the_authority_get_through(
    running: Running, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # to `requests` stronger than what the exporter says
        monkeypatch.delenv(name, raising=False)
    pem = certificates.client.read_bytes()
    credentials = grpc.ssl_channel_credentials(certificates.ca.read_bytes(), pem, pem)
    exporters: list[SpanExporter] = [
        GrpcSpans(endpoint=f"https://{running.grpc}", credentials=credentials, timeout=EXPORT_SECONDS),
        HttpSpans(
            endpoint=f"https://{running.http}/v1/traces",
            certificate_file=str(certificates.ca),
            client_certificate_file=str(certificates.client),
            client_key_file=str(certificates.client),
            timeout=EXPORT_SECONDS,
        ),
    ]
    for exporter in exporters:
        assert exporter.export(spans()) is SpanExportResult.SUCCESS
        exporter.shutdown()
    until(lambda: running.state.journal.waiting.requests == 0)
    with running.state.ledger.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM spans").fetchall() == [(4,)]


def test_grpc_without_a_client_certificate_or_without_tls_is_refused(db: Path, certificates: Certificates) -> None:
    files = TlsFiles(certificates.server, certificates.server_key, certificates.ca)
    with server_with(Settings(db=db, tls=files)) as server:
        trusting = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
        target = str(server.grpc)
        for channel in (grpc.secure_channel(target, trusting), grpc.insecure_channel(target)):
            with channel:
                assert not connects(channel, seconds=1)
        assert "requests" not in server.state.stats.snapshot()


def test_renewed_certificates_are_taken_without_a_restart_and_broken_ones_are_not(
    tmp_path: Path, db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = Certificates(*(tmp_path / name for name in ("ca.pem", "server.pem", "server.key", "client.pem")))
    first, second = trustme.CA(), trustme.CA()
    _write_server(first, files)
    with server_with(Settings(db=db, tls=TlsFiles(files.server, files.server_key))) as server:

        def trusted(authority: trustme.CA) -> bool:
            authority.cert_pem.write_to_path(str(files.ca))
            try:
                return status(server, files, path="/readyz", client=False) == 200
            except ssl.SSLCertVerificationError:
                return False

        def trusted_by_grpc(authority: trustme.CA) -> bool:
            credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
            with grpc.secure_channel(str(server.grpc), credentials) as channel:
                return connects(channel, seconds=2)

        assert (trusted(first), trusted_by_grpc(first)) == (True, True)
        files.server_key.write_text("broken")
        server.reload()
        assert "holds no key in PEM form. The certificate that was read before stays" in caplog.text
        assert (trusted(first), trusted_by_grpc(first)) == (True, True)
        _write_server(second, files)
        server.reload()
        assert (trusted(first), trusted_by_grpc(first)) == (False, False)
        assert (trusted(second), trusted_by_grpc(second)) == (True, True)


def test_who_signs_the_certificates_of_clients_may_change_without_a_restart(tmp_path: Path, db: Path) -> None:
    """What the former one signed is refused on every port from then on."""
    files = Certificates(*(tmp_path / name for name in ("ca.pem", "server.pem", "server.key", "client.pem")))
    server_ca, first, second = trustme.CA(), trustme.CA(), trustme.CA()
    clients_ca = tmp_path / "clients.pem"
    server_ca.cert_pem.write_to_path(str(files.ca))
    _write_server(server_ca, files)
    first.cert_pem.write_to_path(str(clients_ca))
    with server_with(Settings(db=db, tls=TlsFiles(files.server, files.server_key, clients_ca))) as server:

        def let_in(authority: trustme.CA) -> list[bool]:
            """Over gRPC and at both other ports."""
            pem = authority.issue_cert("app.example").private_key_and_cert_chain_pem
            pem.write_to_path(str(files.client))
            credentials = grpc.ssl_channel_credentials(files.ca.read_bytes(), pem.bytes(), pem.bytes())
            with grpc.secure_channel(str(server.grpc), credentials) as channel:
                found = [connects(channel, seconds=2)]
            for path in ("/v1/traces", "/readyz"):
                try:
                    found.append(status(server, files, path=path, client=True) == 200)
                except OSError:  # of which an SSLError is one
                    found.append(False)
            return found

        assert (let_in(first), let_in(second)) == ([True] * 3, [False] * 3)
        second.cert_pem.write_to_path(str(clients_ca))
        server.reload()
        assert (let_in(first), let_in(second)) == ([False] * 3, [True] * 3)


def test_files_that_cannot_be_used_are_named_with_the_reason(tmp_path: Path, certificates: Certificates) -> None:
    absent, text = tmp_path / "absent.pem", tmp_path / "text.pem"
    text.write_text("no certificate")
    locked = tmp_path / "locked.key"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    server, key = certificates.server, certificates.server_key
    for files, words in (
        (TlsFiles(absent, key), f"the certificate {absent} cannot be read: No such file"),
        (TlsFiles(server, absent), f"the key {absent} cannot be read: No such file"),
        (TlsFiles(server, key, absent), f"the client CA {absent} cannot be read: No such file"),
        (TlsFiles(server, certificates.client), "does not belong to the certificate"),
        (TlsFiles(text, key), f"{text} holds no certificate in PEM form"),
        (TlsFiles(server, text), f"{text} holds no key in PEM form"),
        (TlsFiles(server, key, text), f"the client CA {text} holds no certificate"),
        (TlsFiles(server, locked), "The key must not be encrypted"),
    ):
        with pytest.raises(BadTls, match="TLS cannot be used: ") as caught:
            open_tls(files)
        assert words in str(caught.value)
        assert caught.value.exit_code == 2


def test_the_command_line_trusts_what_it_is_told_to(db: Path, certificates: Certificates) -> None:
    files = TlsFiles(certificates.server, certificates.server_key, certificates.ca)
    with server_with(Settings(db=db, tls=files)) as server:
        ask = ["status", "--url", server.web.url_by("https"), "--format", "json"]
        trust = ["--ca", str(certificates.ca)]
        refused = CliRunner().invoke(spanledger, ask)
        assert (refused.exit_code, "with --ca" in refused.stderr) == (3, True)
        assert CliRunner().invoke(spanledger, [*ask, *trust]).exit_code == 3, "the server asks for a certificate"
        done = CliRunner().invoke(spanledger, [*ask, *trust, "--client-cert", str(certificates.client)])
        assert (done.exit_code, json.loads(done.stdout)["calls"]) == (0, 0)
        wrong = CliRunner().invoke(spanledger, [*ask, "--ca", str(certificates.server_key)])
        assert (wrong.exit_code, "cannot be used for TLS" in wrong.stderr) == (2, True)


def test_a_key_without_a_certificate_is_wrong_usage() -> None:
    done = CliRunner().invoke(spanledger, ["serve", "--tls-key", "server.key"])
    assert (done.exit_code, "--tls-cert FILE" in done.output) == (2, True)


def test_clients_that_say_nothing_keep_nobody_out(
    db: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count before any certificate was shown."""
    monkeypatch.setattr(ports, "ConnectionLimits", partial(ConnectionLimits, head_seconds=3600.0))
    tls = TlsFiles(certificates.server, certificates.server_key)
    with server_with(Settings(db=db, tls=tls, max_connections=4)) as server, ExitStack() as stack:
        silent = [stack.enter_context(connected_from(server, "127.0.0.2")) for _ in range(12)]
        assert [one.recv(1) for one in silent[:8]] == [b""] * 8, "those that came first are closed"
        assert status(server, certificates, path="/v1/traces", client=False) == 200


def test_a_client_that_never_agrees_on_tls_is_given_up(
    db: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as one that sends no head."""
    monkeypatch.setattr(ports, "ConnectionLimits", partial(ConnectionLimits, head_seconds=0.3))
    tls = TlsFiles(certificates.server, certificates.server_key)
    with server_with(Settings(db=db, tls=tls)) as server, connected_from(server, "127.0.0.1") as silent:
        assert silent.recv(1) == b""

"""TLS for every port of a server: the files an operator names, checked at the start and read again when they change."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from spanledger_collector.errors import BadTls
from spanledger_collector.settings import TlsFiles

__all__ = ["Tls", "open_tls"]

_logger = logging.getLogger(__name__)
_grpc: Any = grpc  # its stubs do not know certificates that change
_ServerCredentials: TypeAlias = grpc.ServerCredentials


@dataclass(frozen=True, slots=True)
class _Pem:
    """The content of the files."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None


class Tls:
    """What the sockets need. New connections get what `reload` read last; those that stand keep what they have."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises BadTls."""
        self._files = files
        self._pem, self._current = _read_all(files)
        self.context = _context(files)
        self.context.sni_callback = self._use_current

    def reload(self) -> None:
        """Read the files again; what was read before stays in force when they cannot be used now."""
        try:
            self._pem, self._current = _read_all(self._files)
        except BadTls as error:
            _logger.error("%s The certificate that was read before stays in use.", error)  # noqa: TRY400 - says it all
            return
        _logger.info("TLS: read %s again", self._files.certificate)

    def _use_current(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        """Called at each handshake, whether or not the client names a server. A context that listens can be told of a
        new certificate, but not to trust a client CA no longer."""
        connection.context = self._current

    def grpc_credentials(self) -> _ServerCredentials:
        """The same for gRPC, which asks at each handshake."""
        credentials: _ServerCredentials = _grpc.dynamic_ssl_server_credentials(
            self._grpc_configuration(), self._grpc_configuration, self._files.client_ca is not None
        )
        return credentials

    def _grpc_configuration(self) -> object:
        pem = self._pem
        return _grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], pem.client_ca)


def open_tls(files: TlsFiles | None) -> Tls | None:
    """TLS with these files; None without. Raises BadTls."""
    return None if files is None else Tls(files)


def _read_all(files: TlsFiles) -> tuple[_Pem, ssl.SSLContext]:
    """The content of files that fit together, for gRPC and for the other ports. Raises BadTls."""
    client_ca = None if files.client_ca is None else _read(files.client_ca, "client CA")
    pem = _Pem(_read(files.certificate, "certificate"), _read(files.key, "key"), client_ca)
    return pem, _context(files)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadTls(f"the {what} {path} cannot be read: {error.strerror}.") from error


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An empty password, else OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        raise BadTls(_why_no_chain(files, error)) from error
    if files.client_ca is not None:
        try:
            context.load_verify_locations(files.client_ca)
        except ssl.SSLError as error:
            raise BadTls(f"the client CA {files.client_ca} holds no certificate in PEM form.") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _why_no_chain(files: TlsFiles, error: ssl.SSLError) -> str:
    """OpenSSL tells the cases apart by its reason only, and not which file it means."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key {files.key} does not belong to the certificate {files.certificate}."
    for path, what, mark in (
        (files.certificate, "certificate", b"-----BEGIN CERTIFICATE"),
        (files.key, "key", b"PRIVATE KEY-----"),
    ):
        if mark not in path.read_bytes():
            return f"{path} holds no {what} in PEM form."
    return f"{files.certificate} and {files.key} cannot be used ({error.reason}). The key must not be encrypted."

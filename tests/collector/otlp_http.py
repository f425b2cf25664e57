"""OTLP over HTTP by raw requests: what a client may send, and what comes back."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from google.rpc.status_pb2 import Status
from receiving import CHAT, received, request

from spanledger_collector.settings import Address

__all__ = ["JSON", "MIB", "ONE", "PROTOBUF", "Answer", "connected_from", "head", "send"]

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
MIB = 1024 * 1024


ONE = request([received(1, CHAT)]).SerializeToString()
"""A request of one model call."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def refusal(self) -> Status:
        """The `Status` in a refusal's body."""
        if self.headers["content-type"] == JSON:
            document = json.loads(self.body)
            return Status(code=document["code"], message=document["message"])
        return Status.FromString(self.body)


class ListensForHttp(Protocol):
    """A receiver alone, or a whole server."""

    @property
    def http(self) -> Address: ...


def send(
    receiver: ListensForHttp, body: bytes, content_type: str | None = PROTOBUF, path: str = "/v1/traces", **headers: str
) -> Answer:
    """One POST on a connection of its own."""
    connection = http.client.HTTPConnection(*receiver.http, timeout=10)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, sent | ({"content-type": content_type} if content_type else {}))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def head(length: int, **headers: str) -> bytes:
    """The head of a request whose body has that length."""
    given = {"Host": "x", "Content-Type": PROTOBUF, "Content-Length": str(length), **headers}
    return "\r\n".join(
        ["POST /v1/traces HTTP/1.1", *(f"{name}: {text}" for name, text in given.items()), "", ""]
    ).encode()


def connected_from(receiver: ListensForHttp, host: str) -> socket.socket:
    """A connection of one of several clients: each address of the loopback network is another host to a server."""
    return socket.create_connection(receiver.http, timeout=5, source_address=(host, 0))

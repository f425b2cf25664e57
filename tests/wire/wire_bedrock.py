"""A local Bedrock, which answers what a test wrote, in JSON or as an AWS event stream; clients of both SDKs for it."""

import asyncio
import base64
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from wire_event_stream import encoded
from wire_local import LocalHandler, local_server

boto3: Any = import_module("boto3")  # botocore and what is built on it have no types
botocore_config: Any = import_module("botocore.config")
aiobotocore_session: Any = import_module("aiobotocore.session")

REQUEST_ID = "6f0a1f5e-0000-4000-8000-00000000000d"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
Document = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer. Of `events` the connection breaks after `cut`; `promised` more bytes than come break a plain one."""

    body: bytes = b""
    events: tuple[bytes, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    status: int = 200
    cut: int | None = None
    promised: int = 0


def document(answer: object, *, status: int = 200, promised: int = 0, **headers: str) -> Reply:
    """A JSON answer; underscores in the names of headers stand for hyphens, and `x-amzn-bedrock-` goes before."""
    named = {f"x-amzn-bedrock-{name.replace('_', '-')}": value for name, value in headers.items()}
    return Reply(json.dumps(answer).encode(), headers=named, status=status, promised=promised)


def failure(code: str, message: str, status: int) -> Reply:
    return Reply(json.dumps({"message": message}).encode(), headers={"x-amzn-errortype": code}, status=status)


def stream(*events: Mapping[str, object], cut: int | None = None) -> Reply:
    """A stream of events, each a mapping of its type to its payload."""
    return Reply(events=tuple(encoded(kind, payload) for event in events for kind, payload in event.items()), cut=cut)


def parts(*documents: object, cut: int | None = None) -> Reply:
    """A stream of InvokeModelWithResponseStream: parts of the body in the format of the model's maker."""
    return stream(
        *({"chunk": {"bytes": base64.b64encode(json.dumps(part).encode()).decode()}} for part in documents), cut=cut
    )


@dataclass
class Bedrock:
    """A running server: `url`, and the paths that were asked for."""

    url: str
    paths: list[str] = field(default_factory=list[str])


@contextmanager
def answering(*replies: Reply) -> Generator[Bedrock]:
    """Answer request after request with these; the last one repeats."""
    server, remaining = Bedrock(""), list(replies)

    class Handler(LocalHandler):
        def reply(self, body: bytes) -> None:  # noqa: ARG002
            server.paths.append(self.path)
            reply = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            self.send_response(reply.status)
            self.send_header("x-amzn-requestid", REQUEST_ID)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.events is None:
                self._plain(reply)
            else:
                self._events(reply.events, reply.cut)

        def _plain(self, reply: Reply) -> None:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply.body) + reply.promised))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = self.close_connection or reply.promised > 0

        def _events(self, events: tuple[bytes, ...], cut: int | None) -> None:
            self.send_header("content-type", "application/vnd.amazon.eventstream")
            self.send_header("x-amzn-bedrock-content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in events[:cut]:
                self.send_chunk(event)
            if cut is None:
                self.send_chunk(b"")
            self.close_connection = self.close_connection or cut is not None

    with local_server(Handler) as server.url:
        yield server


def settings(attempts: int = 1) -> Document:
    """Arguments for a client of either SDK, which tries that often."""
    return {
        "region_name": "eu-west-1",
        "aws_access_key_id": "key-of-a-test",
        "aws_secret_access_key": "secret-of-a-test",
        "config": botocore_config.Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    }


def client(url: str, service: str = "bedrock-runtime", attempts: int = 1) -> Any:  # noqa: ANN401
    return boto3.client(service, endpoint_url=url, **settings(attempts))


def async_client(url: str, attempts: int = 1) -> Any:  # noqa: ANN401
    """To be used with `async with`."""
    return aiobotocore_session.get_session().create_client("bedrock-runtime", endpoint_url=url, **settings(attempts))


def knows(shape: str, member: str) -> bool:
    """Whether this version of botocore has the member: what it does not know, it drops."""
    model = client("http://127.0.0.1:1").meta.service_model
    return shape in model.shape_names and member in model.shape_for(shape).members


def ask(url: str, method: str, *, attempts: int = 1, **params: object) -> object:
    """What boto3 gives, read to the end: the events of a stream, the document in a body, or the answer."""
    answer = getattr(client(url, attempts=attempts), method)(**params)
    if "stream" in method:
        return list(answer["stream" if "converse" in method else "body"])
    return json.loads(answer["body"].read()) if "body" in answer else answer


def ask_async(url: str, method: str, *, attempts: int = 1, **params: object) -> object:
    """The same through aiobotocore."""

    async def asking() -> object:
        async with async_client(url, attempts) as opened:
            answer = await getattr(opened, method)(**params)
            if "stream" in method:
                return [event async for event in answer["stream" if "converse" in method else "body"]]
            return json.loads(await answer["body"].read()) if "body" in answer else answer

    return asyncio.run(asking())

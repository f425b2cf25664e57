"""HTTP client spans to the hosts of model providers: requests that run up a bill, whether or not somebody meters them.

They are kept as observations with the role `ignored`, which coverage compares with the calls of the ledger. Only what
bills is kept: a POST to a path at which a model answers, not lists of models, files, token counts or batches to come.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from spanledger.hosts import provider_of_host
from spanledger_collector.dialects.facts import text_of
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.operations import KIND_CLIENT
from spanledger_collector.dialects.peer import HOST_NAMES, URL_NAMES, peer_host
from spanledger_collector.model import Attributes, Attribution, Conditions, Observation, ReceivedSpan

__all__ = ["HTTP_DIALECT", "READ_BY_COVERAGE", "any_posts", "http_call"]

HTTP_DIALECT: Final = "http-client"

_METHOD: Final = ("http.request.method", "http.method")
_NEW, _OLD = _METHOD
_STATUS: Final = ("http.response.status_code", "http.status_code")
_PATH: Final = ("url.path", "http.target", "url.full", "http.url")
_ERROR: Final = "error.type"
_STATUS_ERROR: Final = 2
_CALL_SITE: Final = frozenset(
    f"code.{name}" for name in ("function.name", "function", "file.path", "filepath", "line.number", "lineno")
)
"""What the query of coverage groups by (queries.sql, `coverage`)."""
READ_BY_COVERAGE: Final = frozenset({*_METHOD, *_STATUS, *_PATH, *HOST_NAMES, *URL_NAMES, _ERROR, *_CALL_SITE})
"""Attributes of HTTP client spans that are read."""

_CLOUD_SUFFIXES: Final = ("amazonaws.com", "googleapis.com")
"""Clouds with much besides models, of which only these hosts answer with models."""
_CLOUD_HOSTS: Final = re.compile(
    r"bedrock(-agent)?-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com"
    r"|([a-z0-9-]+-)?aiplatform(\.[a-z0-9-]+\.rep)?\.googleapis\.com"
    r"|generativelanguage\.googleapis\.com"
)

_BILLED_PATHS: Final = re.compile(
    r"/(chat/)?completions$|/responses(/compact)?$|(?<!/threads/\{id\})/messages$|/complete$|/runs$"
    r"|/embeddings$|/embed$|/rerank$|/v[12]/chat$|/generate$|/api/chat$|/ocr$|/interactions$"
    r"|/images/(generations|edits|variations)$|/audio/(speech|transcriptions|translations)$|/videos$"
    r"|:(stream)?[gG]enerateContent$|:(batchE|e)mbedContents?$"  # Gemini, Vertex AI
    r"|:(predict|predictLongRunning|rawPredict|streamRawPredict|serverStreamingPredict)$"
    r"|/model/[^/]+/(invoke(-with-response-stream)?|converse(-stream)?)$"  # Bedrock
    r"|/agentAliases/.+/text$|/retrieveAndGenerate(Stream)?$"
)
"""Paths at which a model answers. Sources: the providers' API references."""

_AN_ID: Final = re.compile(r"[a-z]{2,12}_[A-Za-z0-9]{12,}|[0-9a-fA-F-]{16,}|\d{6,}")
"""A segment of a path that is one thing's own name: it would make every request a group of its own."""


def http_call(span: ReceivedSpan, more_hosts: Iterable[str] = ()) -> Observation | None:
    """A request to a model, `None` for any other span. `more_hosts` are hosts of this installation (a gateway)."""
    said = span.attributes.get
    if span.kind != KIND_CLIENT or (said(_NEW) != "POST" and said(_OLD) != "POST"):  # nearly always
        return None
    if _first(span.attributes, _METHOD) != "POST":
        return None
    host = peer_host(span)
    if host is None or not _answers_with_models(host, more_hosts):
        return None
    path = _path(span.attributes)
    if not _BILLED_PATHS.search(path):
        return None
    return Observation(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        started_ns=span.started_ns,
        ended_ns=span.ended_ns,
        service=span.service,
        dialect=HTTP_DIALECT,
        rule="http",
        role="ignored",
        source_rank=3,
        provider=provider_of_host(host, ""),
        operation=f"POST {path}",
        request_model=None,
        response_model=None,
        response_id=None,
        error_type=_error(span),
        usage_status="unmetered",
        usage_evidence=None,
        meters={},
        conditions=Conditions(),
        attribution=Attribution(),
        server_address=host,
        service_instance=text_of(span.resource.get("service.instance.id")),
    )


def any_posts(group: Group) -> bool:
    """Whether one of a group of spans could be a request to a model."""
    sent = (name for name in _METHOD if name in group.names)
    return group.kind == KIND_CLIENT and any("POST" in group.columns[name] for name in sent)


def _answers_with_models(host: str, more_hosts: Iterable[str]) -> bool:
    if any(host == more or host.endswith(f".{more}") for more in more_hosts):
        return True
    if host.endswith(_CLOUD_SUFFIXES):
        return _CLOUD_HOSTS.fullmatch(host) is not None
    return provider_of_host(host, "") != ""


def _path(attributes: Attributes) -> str:
    """The path without query, with `{id}` for what names one thing."""
    text = _first(attributes, _PATH) or ""
    try:
        path = urlsplit(text).path
    except ValueError:  # not a URL, whatever the attribute's name says
        return ""
    return "/".join("{id}" if _AN_ID.fullmatch(segment) else segment for segment in path.split("/"))


def _error(span: ReceivedSpan) -> str | None:
    """Why the request failed: what is refused is not billed."""
    status = _first(span.attributes, _STATUS)
    if status is not None and status.isdecimal() and int(status) >= 400:
        return status
    return text_of(span.attributes.get(_ERROR)) or ("_OTHER" if span.status == _STATUS_ERROR else None)


def _first(attributes: Attributes, names: Iterable[str]) -> str | None:
    return next(_texts(attributes, names), None)


def _texts(attributes: Attributes, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        text = text_of(attributes.get(name))
        if text is not None:
            yield text

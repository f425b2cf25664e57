"""The host that a client span talked to: what coverage compares with the hosts of model providers."""

from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlsplit

from spanledger_collector.dialects.facts import text_of
from spanledger_collector.dialects.groups import Group
from spanledger_collector.dialects.operations import KIND_CLIENT
from spanledger_collector.model import ReceivedSpan

__all__ = ["HOST_NAMES", "URL_NAMES", "host_of_url", "peer_host", "peer_hosts"]

HOST_NAMES: Final = ("server.address", "net.peer.name", "peer.hostname")
URL_NAMES: Final = ("url.full", "http.url")
_TEXTS: Final = frozenset({str})


def peer_host(span: ReceivedSpan) -> str | None:
    """The host name of the other side of a client span, in lower case; `None` for other spans and unknown hosts."""
    if span.kind != KIND_CLIENT:
        return None
    said = span.attributes.get
    for name in HOST_NAMES:
        value = said(name)
        host = value if type(value) is str else text_of(value)
        if host:
            return host if host.islower() else host.lower()  # the text that many spans share, rather than a copy
    for name in URL_NAMES:
        url = text_of(said(name))
        if url is not None:
            return host_of_url(url)
    return None


def peer_hosts(group: Group) -> Sequence[str | None]:
    """The same for each of a group of spans."""
    if group.kind != KIND_CLIENT:
        return [None] * len(group.places)
    name = next((name for name in HOST_NAMES if name in group.names), None)
    if name is not None:
        column = group.columns[name]
        if all(column) and _TEXTS.issuperset(map(type, column)):
            hosts = {host: host.lower() for host in set(cast("Sequence[str]", column))}
            if len(hosts) == 1:
                return [*hosts.values()] * len(column)
            return [*map(hosts.__getitem__, cast("Sequence[str]", column))]
    return [*map(peer_host, group.spans())]


def host_of_url(url: str) -> str | None:
    """The host name in a URL, in lower case; `None` where there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:  # not a URL, whatever the attribute's name says
        return None

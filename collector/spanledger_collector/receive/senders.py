"""Who sends: let in by a key where the server has keys, and written onto what they send."""

from dataclasses import dataclass
from functools import partial

from spanledger_collector.errors import Unauthenticated
from spanledger_collector.keys import KeyRing, presented_key
from spanledger_collector.model import KEY_ORG, Attributes
from spanledger_collector.received_spans import ReceivedSpans
from spanledger_collector.shared_objects import made_once

__all__ = ["Sender", "admit", "as_sent_by"]

_REMEDY = (
    'Set OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20KEY" where your app runs. '
    "`spanledger keys add NAME`, run beside the ledger, makes a key."
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request: `name` is what its share of the memory is kept under, `org` the organisation of its key."""

    name: str
    org: str | None = None


def admit(keys: KeyRing | None, authorization: str, peer: str) -> Sender:
    """The sender of a request with that Authorization header from that host. Without keys everybody is let in.

    Raises Unauthenticated.
    """
    if keys is None:
        return Sender(peer)
    presented = presented_key(authorization)
    if presented is None:
        raise Unauthenticated(f"This server asks for a key, and the request has none. {_REMEDY}")
    key = keys.find(presented, "ingest")
    if key is None:
        raise Unauthenticated(f"This server does not know the key of the request as one for sending. {_REMEDY}")
    return Sender(f"key {key.name}", key.org)


def as_sent_by(sender: Sender, spans: ReceivedSpans) -> ReceivedSpans:
    """The spans with the organisation of the sender's key on their resources, and nothing else that claims to be it."""
    resources = spans.skeletons.resource
    if sender.org is None and not any(made_once(_claims, resources)):
        return spans
    return spans.with_resources(made_once(partial(_owned, sender.org), resources))


def _claims(resource: Attributes) -> bool:
    return KEY_ORG in resource


def _owned(org: str | None, resource: Attributes) -> Attributes:
    rest = {name: value for name, value in resource.items() if name != KEY_ORG}
    return rest if org is None else {**rest, KEY_ORG: org}

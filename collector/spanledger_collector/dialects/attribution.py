"""Who spent it: from the span's attributes by any emitter's names, with the resource's own words as the default."""

from collections.abc import Iterator, Mapping
from typing import Final

from spanledger import semconv
from spanledger_collector.dialects.facts import Facts, text_of
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC
from spanledger_collector.dialects.shapes import by_names
from spanledger_collector.model import KEY_ORG, Attributes, AttributeValue, Attribution

__all__ = ["read_attribution"]

_LONGEST: Final = 256
_AS_DIMENSION: Final = ("agent", "environment")


def read_attribution(facts: Facts, resource: Attributes) -> Attribution:
    """The attribution of a span. Organisation, feature and dimensions may stand on the resource for a whole process.

    The organisation of the key with which a span came overrides what it claims.
    """
    said = facts.texts.get
    key_org = text_of(resource.get(KEY_ORG))
    return Attribution(
        user=said("user"),
        org=key_org or said("org") or text_of(resource.get(semconv.ORG)),
        session=said("session"),
        workflow=said("workflow"),
        feature=said("feature") or text_of(resource.get(semconv.FEATURE)),
        dimensions=_dimensions(facts, resource),
        key_org=key_org,
    )


def _dimensions(facts: Facts, resource: Attributes) -> dict[str, str]:
    found: dict[str, str] = {}
    for dimension, name in _of_process(None, tuple(resource)):
        value = text_of(resource[name])
        if value is not None:
            found.setdefault(dimension, value[:_LONGEST])
    for fact in _AS_DIMENSION:
        value = facts.texts.get(fact)
        if value is not None:
            found[fact] = value[:_LONGEST]
    if facts.dimensions:
        # Our own prefix comes first in the table and is written last: it wins over what other libraries call the same.
        for prefix in reversed(DIMENSION_PREFIXES):
            found.update(_under(facts.dimensions, prefix))
    return found


@by_names
def _of_process(_: None, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The dimensions for which a resource may hold a value, most trusted first, and the attributes that hold them."""
    prefix = semconv.DIMENSION_PREFIX
    ours = ((name[len(prefix) :], name) for name in names if name.startswith(prefix))
    return (*ours, *(("environment", name) for name in GENERIC["environment"] if name in names))


def _under(attributes: Mapping[str, AttributeValue], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        text = text_of(value) if name.startswith(prefix) else None
        if text is not None:
            yield name[len(prefix) :], text[:_LONGEST]

"""Who spent it: from the span's attributes by any emitter's names, with the resource's own words as the default."""

from collections.abc import Mapping
from typing import Final

from spanledger import semconv
from spanledger_collector.dialects.facts import Facts, text_of
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC
from spanledger_collector.model import Attributes, AttributeValue, Attribution

__all__ = ["read_attribution"]

_LONGEST: Final = 256
_AS_DIMENSION: Final = ("agent", "environment")


def read_attribution(facts: Facts, resource: Attributes) -> Attribution:
    """The attribution of a span. Organisation, feature and dimensions may stand on the resource for a whole process."""
    return Attribution(
        user=facts.text("user"),
        org=facts.text("org") or text_of(resource.get(semconv.ORG)),
        session=facts.text("session"),
        workflow=facts.text("workflow"),
        feature=facts.text("feature") or text_of(resource.get(semconv.FEATURE)),
        dimensions=_dimensions(facts, resource),
    )


def _dimensions(facts: Facts, resource: Attributes) -> dict[str, str]:
    found = dict(_under(resource, (semconv.DIMENSION_PREFIX,)))
    for name in GENERIC["environment"]:
        value = text_of(resource.get(name))
        if value is not None:
            found.setdefault("environment", value[:_LONGEST])
    for fact in _AS_DIMENSION:
        value = facts.text(fact)
        if value is not None:
            found[fact] = value[:_LONGEST]
    # Our own prefix comes first in the table and is written last: it wins over what other libraries call the same.
    for prefix in reversed(DIMENSION_PREFIXES):
        found.update(_under(facts.other, (prefix,)))
    return found


def _under(attributes: Mapping[str, AttributeValue], prefixes: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in attributes.items():
        text = text_of(value) if name.startswith(prefixes) else None
        if text is None:
            continue
        prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
        found[name[len(prefix) :]] = text[:_LONGEST]
    return found

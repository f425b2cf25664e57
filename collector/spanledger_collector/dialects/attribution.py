"""Who spent it: by the map of this installation, else from the span's attributes by any emitter's names, with the
resource's own words as the default."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from spanledger import semconv
from spanledger_collector.dialects.attribution_map import FIELDS, NO_MAP, USUAL, AttributionMap, Sources
from spanledger_collector.dialects.content import is_content
from spanledger_collector.dialects.facts import LONGEST_FACT, Steady, members_of, text_of
from spanledger_collector.dialects.names import DIMENSION_PREFIXES, GENERIC
from spanledger_collector.dialects.shapes import ByNames
from spanledger_collector.model import KEY_ORG, Attributes, AttributeValue, Attribution, ReceivedSpan, service_of

__all__ = ["OF_PROCESS", "Process", "dimensions_of", "process_of", "read_attribution"]

_LONGEST: Final = 256

OF_PROCESS: Final[tuple[tuple[str, str], ...]] = (
    ("user", semconv.USER_ID),
    ("user", "enduser.id"),
    ("org", semconv.ORG),
    ("org", "organization.id"),
    ("session", semconv.SESSION_ID),
    ("workflow", semconv.WORKFLOW_NAME),
    ("feature", semconv.FEATURE),
)
"""Fields that may stand on the resource for a whole process, and the attributes that hold them."""


class Process(NamedTuple):
    """What a resource says of all spans of a process: the service, and who spends where they do not say. `fields` and
    `dimensions` by name, the most trusted first."""

    service: str
    instance: str | None
    key_org: str | None
    fields: tuple[tuple[str, str], ...]
    dimensions: tuple[tuple[str, str], ...]


def process_of(resource: Attributes) -> Process:
    """What a resource says. The last one is remembered: the spans of a request share it."""
    last, process = _remembered[0]
    if last is not resource:
        process = _process(resource)
        _remembered[0] = resource, process
    return process


def _process(resource: Attributes) -> Process:
    shape = _of_process[None, tuple(resource)]
    return Process(
        service_of(resource),
        text_of(resource.get("service.instance.id")),
        text_of(resource.get(KEY_ORG)),
        _texts(resource, shape.fields),
        _texts(resource, shape.dimensions),
    )


def _texts(resource: Attributes, named: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((what, text) for what, name in named if (text := text_of(resource[name])) is not None)


def read_attribution(  # noqa: PLR0917 - `map` calls it too, with columns
    user: str | None,
    session: str | None,
    steady: Steady,
    free: Mapping[str, AttributeValue],
    span: ReceivedSpan,
    process: Process,
    mapped: AttributionMap,
) -> Attribution:
    """The attribution of a span, by its user and session, what it says alike in call after call, and what stands under
    a prefix of free dimensions. What it says of itself is stronger than what its resource says.

    The organisation of the key with which a span came overrides what it claims.
    """
    _, _, key_org, fields, of_process = process  # at once: what has a name is looked up twice
    dimensions = dimensions_of(steady, process, free) if of_process or free or steady.dimensions else {}
    org, workflow, feature = steady.org, steady.workflow, steady.feature
    if fields or mapped is not NO_MAP:
        said: dict[str, str | None] = {}
        said.update(zip(FIELDS, (user, org, session, workflow, feature), strict=True))
        _complete(said, process)
        _overrule(said, dimensions, mapped, (span.attributes, span.resource))
        user, org, session, workflow, feature = said.values()
    return Attribution(user, key_org or org, session, workflow, feature, dimensions, key_org)


def _complete(said: dict[str, str | None], process: Process) -> None:
    """Fill in what is said for the whole process."""
    for field, text in process.fields:
        said[field] = said[field] or text


def _overrule(
    said: dict[str, str | None],
    dimensions: dict[str, str],
    mapped: AttributionMap,
    places: tuple[Attributes, Attributes],
) -> None:
    """Put what the map finds in the place of what the usual names found."""
    for field, sources in mapped.fields.items():
        said[field] = _first(sources, places, said[field])
    for dimension, sources in mapped.dimensions.items():
        found = _first(sources, places, None)
        if found is not None:
            dimensions[dimension] = found[:_LONGEST]
        elif not sources:
            dimensions.pop(dimension, None)


def _first(sources: Sources, places: tuple[Attributes, Attributes], usual: str | None) -> str | None:
    """The text of the first source that has one."""
    for name in sources:
        if name == USUAL:
            found = usual
        else:
            texts = (text_of(_value_of(attributes, name)) for attributes in places)
            # What is longer is not kept by the journal, and so would be gone when the span is read again.
            found = next((text for text in texts if text is not None and len(text) <= LONGEST_FACT), None)
        if found is not None:
            return found
    return None


def _value_of(attributes: Attributes, name: str) -> AttributeValue:
    """The value of an attribute; for a name of none, the member of one that holds an object and no content."""
    if name in attributes or "." not in name:
        return attributes.get(name)
    for container, value in attributes.items():
        if name.startswith(f"{container}.") and not is_content(container):
            for member, found in members_of(container, value):
                if member == name:
                    return found
    return None


class _Shape(NamedTuple):
    """The attributes of a resource that may hold fields and dimensions, the most trusted first."""

    fields: tuple[tuple[str, str], ...]
    dimensions: tuple[tuple[str, str], ...]


@ByNames
def _of_process(_: None, names: tuple[str, ...]) -> _Shape:
    prefix = semconv.DIMENSION_PREFIX
    ours = ((name[len(prefix) :], name) for name in names if name.startswith(prefix))
    environment = (("environment", name) for name in GENERIC["environment"] if name in names)
    return _Shape(tuple(pair for pair in OF_PROCESS if pair[1] in names), (*ours, *environment))


_NO_RESOURCE: Final[Attributes] = {}
_remembered: Final[list[tuple[Attributes, Process]]] = [(_NO_RESOURCE, _process(_NO_RESOURCE))]
"""A list of one pair, replaced as a whole: several threads read spans."""


def dimensions_of(steady: Steady, process: Process, free: Mapping[str, AttributeValue]) -> dict[str, str]:
    """The free dimensions of a call, by name."""
    found: dict[str, str] = {}
    for dimension, value in process.dimensions:
        found.setdefault(dimension, value[:_LONGEST])
    for fact, value in steady.dimensions:
        found[fact] = value[:_LONGEST]
    if free:
        # Our own prefix comes first in the table and is written last: it wins over what other libraries call the same.
        for prefix in reversed(DIMENSION_PREFIXES):
            found.update(_under(free, prefix))
    return found


def _under(attributes: Mapping[str, AttributeValue], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        text = text_of(value) if name.startswith(prefix) else None
        if text is not None:
            yield name[len(prefix) :], text[:_LONGEST]

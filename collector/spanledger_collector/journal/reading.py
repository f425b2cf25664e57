"""An observation as the journal holds it: in columns of its own, and the rest as JSON text in the column `reading`,
which settling and rebuilding read back.

In the text, ids are hex and money is decimal text, so that SQL can read it; what is unknown (`None`) or empty is left
out. Earlier releases wrote all of the observation into it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, Self, get_type_hints

import msgspec
from msgspec import NODEFAULT, inspect

from spanledger_collector.ledger.arrow import Target, Text, UInt64
from spanledger_collector.model import Attribution, Conditions, Observation
from spanledger_collector.observation_columns import OF_ATTRIBUTION, ObservationColumns, columns_of, taking
from spanledger_collector.shared_objects import made_once

__all__ = ["READINGS", "StoredReading", "decode_reading", "document_of", "encode_readings"]


class StoredReading(NamedTuple):
    """The columns of a row of `store.observations` that make an observation."""

    trace_hi: UInt64
    trace_lo: UInt64
    span: UInt64
    dialect: Text
    rule: Text
    role: Text
    provider: Text
    operation: Text
    request_model: Text | None
    response_model: Text | None
    response_id: Text | None
    usage_status: Text
    reading: Text

    @classmethod
    def of(cls, observation: Observation) -> Self:
        """How an observation is stored; `decode_reading` gives back an equal one."""
        trace_id, span_id = observation.trace_id, observation.span_id
        identity = [int.from_bytes(half) for half in (trace_id[:8], trace_id[8:], span_id)]
        [reading] = encode_readings(columns_of([observation]))
        return cls._make([*identity, *_in_columns(observation), reading])

    @property
    def ids(self) -> tuple[bytes, bytes]:
        """Trace id and span id."""
        return (self.trace_hi << 64 | self.trace_lo).to_bytes(16), self.span.to_bytes(8)


READINGS: Final = Target.of("store.observations", StoredReading)
_IN_COLUMNS: Final = StoredReading._fields[3:-1]
_IDS: Final = ("trace_id", "span_id")
_PARENT: Final = "parent_span_id"
_PLAIN: Final = Conditions()


def _fields(record: type) -> Sequence[inspect.Field]:
    said: Any = inspect.type_info(record)  # a Struct's or a dataclass's: what both tell of their fields is the same
    return said.fields


def _names(record: type) -> tuple[str, ...]:
    return tuple(field.name for field in _fields(record))


def _document(record: type, in_json: Mapping[str, Any], names: Sequence[str] = ()) -> type[msgspec.Struct]:
    """A record as an object of JSON: its fields, or those of these names, of the types in `in_json` or else their own;
    what has its default, or is not known, is left out."""
    types: dict[str, Any] = {**get_type_hints(record), **in_json}
    defaults = {field.name: _default(field) for field in _fields(record)}
    members = [(name, types[name] | None, defaults[name]) for name in names or defaults]
    return msgspec.defstruct(record.__name__, members, omit_defaults=True, gc=False)


def _default(field: inspect.Field) -> object:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return None if field.default is NODEFAULT else field.default


# Made from the records, so that a new field is in the text too; the type checker cannot see into them.
_Conditions: Any = _document(Conditions, {})
_Attribution: Any = _document(Attribution, {})
_IN_JSON: Final = {"conditions": _Conditions, "attribution": _Attribution, **dict.fromkeys((*_IDS, _PARENT), str)}
_Observation: Any = _document(Observation, _IN_JSON)

_FIELDS: Final = _names(Observation)
_IN_OTHER_FORM: Final = (_PARENT, "conditions", "attribution")
_AS_THEY_ARE: Final = tuple(name for name in _FIELDS if name not in {*_IDS, *_IN_COLUMNS, *_IN_OTHER_FORM})
_WHOLE: Final = _IDS[0]
"""A text that has this field has all fields. It is not among those that are written."""
_Rest: Any = _document(Observation, _IN_JSON, (*_IN_OTHER_FORM, *_AS_THEY_ARE, _WHOLE))

_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_decode_whole = msgspec.json.Decoder(_Observation).decode
_decode_rest = msgspec.json.Decoder(_Rest).decode


def _values(names: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """What takes these values out of a record, or out of its document, at once."""
    return attrgetter(*names)


_of_conditions = _values(_names(Conditions))
_of_attribution = _values(_names(Attribution))
_as_they_are = _values(_AS_THEY_ARE)
_columns_of_attribution = taking(OF_ATTRIBUTION)
_columns_as_they_are = taking(_AS_THEY_ARE)
_AS_STORED: Final = (*_IDS, *_IN_COLUMNS, *_IN_OTHER_FORM, *_AS_THEY_ARE)
_in_order = itemgetter(*map(_AS_STORED.index, _FIELDS))
"""Takes values in the order of `_AS_STORED` into that of an observation."""
_NO_CONDITIONS: Final = _of_conditions(_PLAIN)

_in_columns = _values(_IN_COLUMNS)


def encode_readings(observed: ObservationColumns) -> list[str]:
    """JSON text of what of each observation has no column."""
    rest = map(  # in the order of its fields
        _Rest,
        [parent and parent.hex() for parent in observed[_PARENT]],
        made_once(_conditions_in_json, observed["conditions"]),
        map(_Attribution, *_columns_of_attribution(observed)),
        *_columns_as_they_are(observed),
    )
    # All in one call, as lines: there is no line break within JSON text that is written without indents.
    return _encoder.encode_lines([*rest]).decode().split("\n")[:-1]


def _conditions_in_json(conditions: Conditions) -> object:
    values = _of_conditions(conditions)
    return None if values == _NO_CONDITIONS else _Conditions(*values)


def decode_reading(stored: StoredReading) -> Observation:
    """The observation that was stored so. Raises `msgspec.MsgspecError` for text that is not of an observation."""
    document = _decode_rest(stored.reading)
    if None in (document.meters, document.attribution):
        raise msgspec.ValidationError("The text is JSON, but not of an observation.")
    ids, columns = stored.ids, stored[3:-1]
    if document.trace_id is not None:
        whole = _decode_whole(stored.reading)
        ids, columns = (bytes.fromhex(whole.trace_id), bytes.fromhex(whole.span_id)), _in_columns(whole)
    parent, conditions = document.parent_span_id, document.conditions
    values = (
        *ids,
        *columns,
        parent and bytes.fromhex(parent),
        Conditions(*_of_conditions(conditions)) if conditions else _PLAIN,
        Attribution(*_of_attribution(document.attribution)),
        *_as_they_are(document),
    )
    return Observation(*_in_order(values))


def document_of(stored: StoredReading) -> dict[str, Any]:
    """All that is stored of an observation by field, whichever release wrote it and whether or not it can be read.
    Raises ValueError for text that is no JSON."""
    ids = dict(zip(_IDS, (each.hex() for each in stored.ids), strict=True))
    return {**ids, **dict(zip(_IN_COLUMNS, stored[3:-1], strict=True)), **json.loads(stored.reading)}

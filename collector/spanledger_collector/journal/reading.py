"""An observation as JSON text: the column `reading` of the journal, which settling and rebuilding read back.

Ids are hex text and money is decimal text, so that SQL can read the column; what is unknown (`None`) or empty is left
out.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgspec

from spanledger_collector.model import Attribution, Conditions, Observation

__all__ = ["decode_reading", "encode_reading"]

_PLAIN: Final = Conditions()
_IDS: Final = ("trace_id", "span_id", "parent_span_id")


def _document(record: type, in_json: Mapping[str, Any]) -> type[msgspec.Struct]:
    """A record as an object of JSON: its fields in their order, of the types in `in_json` or else their own; what has
    its default, or is not known, is left out."""
    types: dict[str, Any] = {**get_type_hints(record), **in_json}
    members = [(field.name, types[field.name] | None, _default(field)) for field in fields(record)]
    return msgspec.defstruct(record.__name__, members, omit_defaults=True, gc=False)


def _default(field: "Field[Any]") -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


# Made from the records, so that a new field is in the text too; the type checker cannot see into them.
_Conditions: Any = _document(Conditions, {})
_Attribution: Any = _document(Attribution, {})
_Observation: Any = _document(
    Observation, {"conditions": _Conditions, "attribution": _Attribution, **dict.fromkeys(_IDS, str)}
)

_encode = msgspec.json.Encoder(decimal_format="string", order="deterministic").encode
_decode = msgspec.json.Decoder(_Observation).decode


def _values(record: type) -> Callable[[object], tuple[Any, ...]]:
    """What takes all values out of a record, or out of its document, at once."""
    return attrgetter(*(field.name for field in fields(record)))


_of_conditions, _of_attribution, _of_observation = _values(Conditions), _values(Attribution), _values(Observation)
_NO_CONDITIONS: Final = _of_conditions(_PLAIN)


def encode_reading(observation: Observation) -> str:
    """JSON text of an observation; `decode_reading` gives back an equal one."""
    document = _Observation(*_of_observation(observation))
    document.trace_id = observation.trace_id.hex()
    document.span_id = observation.span_id.hex()
    document.parent_span_id = observation.parent_span_id and observation.parent_span_id.hex()
    conditions = _of_conditions(observation.conditions)
    document.conditions = None if conditions == _NO_CONDITIONS else _Conditions(*conditions)
    document.attribution = _Attribution(*_of_attribution(observation.attribution))
    return _encode(document).decode()


def decode_reading(text: str) -> Observation:
    """The observation that `encode_reading` wrote. Raises `msgspec.MsgspecError` for text that is no observation."""
    document = _decode(text)
    parent = document.parent_span_id
    if None in (document.trace_id, document.span_id, document.meters, document.attribution):
        raise msgspec.ValidationError("The text is JSON, but no observation.")
    document.trace_id = bytes.fromhex(document.trace_id)
    document.span_id = bytes.fromhex(document.span_id)
    document.parent_span_id = parent and bytes.fromhex(parent)
    document.conditions = Conditions(*_of_conditions(document.conditions)) if document.conditions else _PLAIN
    document.attribution = Attribution(*_of_attribution(document.attribution))
    return Observation(*_of_observation(document))

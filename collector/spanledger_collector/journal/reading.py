"""An observation as JSON text: the column `reading` of the journal, which settling and rebuilding read back.

Ids are hex text and money is decimal text, so that SQL can read the column; what is unknown (`None`) is left out.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields

import msgspec

from spanledger_collector.model import Observation

__all__ = ["decode_reading", "encode_reading"]

_IDS = ("trace_id", "span_id", "parent_span_id")
_UNKNOWN: dict[str, object] = {field.name: None for field in fields(Observation) if field.default is MISSING}
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(dict[str, object])


def encode_reading(observation: Observation) -> str:
    """JSON text of an observation; `decode_reading` gives back an equal one."""
    known = _known(msgspec.to_builtins(observation, builtin_types=(bytes,)))
    for name in _IDS:
        value = known.get(name)
        if isinstance(value, bytes):
            known[name] = value.hex()
    return _encoder.encode(known).decode()


def decode_reading(text: str) -> Observation:
    """The observation that `encode_reading` wrote. Raises `msgspec.MsgspecError` for text that is no observation."""
    known = _UNKNOWN | _decoder.decode(text)
    for name in _IDS:
        value = known.get(name)
        if isinstance(value, str):
            known[name] = bytes.fromhex(value)
    return msgspec.convert(known, Observation, builtin_types=(bytes,))


def _known(document: Mapping[str, object]) -> dict[str, object]:
    """The document without unknown fields, also in conditions and attribution (all of whose fields have defaults)."""
    known = {name: value for name, value in document.items() if value is not None}
    for name in ("conditions", "attribution"):
        part = known.get(name)
        if isinstance(part, dict):
            inner = msgspec.convert(part, dict[str, object])
            known[name] = {key: value for key, value in inner.items() if value is not None}
    return known

"""From the counts that a span carries to disjoint meters: which count contains which, and what was odd.

    inclusive, as on the span                          disjoint, as charged
    input 100, cache_read 60, cache_write 30 (1h 20)   input 10, cache_read 60, cache_write 10, cache_write_1h 20
    output 50, reasoning 20                            output 30, reasoning 20

The dialect says whether cached tokens and reasoning are inside the larger count; arithmetic may overrule it, and the
rule that decided is part of the result. Nothing is guessed: a part that cannot be is left out and flagged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import sub
from typing import Final, Self

from spanledger.meters import METERS
from spanledger_collector.model import Quantity

__all__ = [
    "PLAIN",
    "ZERO_USAGE",
    "Convention",
    "CountColumns",
    "Usage",
    "disjoint",
    "is_blank",
    "plain",
    "plain_columns",
    "use_billed",
]

ZERO_USAGE: Final = "zero_usage"
"""Flag of a call of which an emitter says that it used no token at all."""

PLAIN: Final = frozenset({"input", "output", "cache_read", "cache_write"})
"""The meters of `plain`."""

_PLAIN_RULE: Final = "plain"
"""Of a call of which no part of a count had to be told from another."""

CountColumns = Mapping[str, Sequence[int]]
"""Counts of many calls, by meter."""

_CACHED = ("cache_read", "cache_write")
_BILLED = (("input", "billed_input"), ("output", "billed_output"))
_BILLED_NAMES = frozenset(name for _, name in _BILLED)
_TTL = ("cache_write_5m", "cache_write_1h")
_WITHIN_CACHED = tuple((meter.name, meter.within) for meter in METERS if meter.within in _CACHED)
_MODALITIES = ("audio", "image")
_INPUT_PARTS = tuple(f"input_{modality}" for modality in _MODALITIES)
_OUTPUT_PARTS = tuple(f"output_{modality}" for modality in _MODALITIES)
_DETAILS = frozenset({*_TTL, *_INPUT_PARTS, *_OUTPUT_PARTS, *(part for part, _ in _WITHIN_CACHED)})
"""Meters that few calls have."""
_READ_PARTS = tuple((part, f"cache_read_{modality}") for part, modality in zip(_INPUT_PARTS, _MODALITIES, strict=True))


@dataclass(frozen=True, slots=True)
class Convention:
    """What an emitter means by its counts with one provider; see `Dialect` for the words."""

    cache_outside: bool = False
    cache_unknown: bool = False
    reasoning_outside: bool = False
    reasoning_unknown: bool = False
    total_is_reported: bool = False
    input_is_rest: bool = False
    thoughts_hidden: bool = False


@dataclass(slots=True)
class Usage:
    """Disjoint meters, the rules that decided, flags, and the meters whose counts cannot be (larger than their
    whole)."""

    meters: dict[str, Quantity]
    rules: list[str]
    flags: list[str]
    impossible: list[str]

    @property
    def rule(self) -> str:
        """The rules as one text."""
        return "+".join(self.rules) or _PLAIN_RULE

    @property
    def distinct_flags(self) -> tuple[str, ...]:
        """Each flag once."""
        return tuple(dict.fromkeys(self.flags))

    @classmethod
    def of(cls, meters: Mapping[str, Quantity]) -> Self:
        """Nothing known but the counts."""
        return cls(dict(meters), [], [], [])


def disjoint(counts: Mapping[str, Quantity], total: Quantity | None, convention: Convention) -> Usage:
    """Disjoint meters of inclusive `counts` (by meter); `total` is what the span says of all tokens together."""
    usage = Usage(dict(counts), [], [], [])
    reported = total if convention.total_is_reported else None
    if convention.input_is_rest and total is not None:
        _use_rest(usage, total)
    detailed = not _DETAILS.isdisjoint(counts)
    if detailed:
        _whole_cache_write(usage)
    outside = _cache_is_outside(usage, reported, convention)
    _carve_input(usage, outside=outside, parts=_INPUT_PARTS if detailed else ())
    if "reasoning" in usage.meters or convention.thoughts_hidden:
        _carve_output(usage, reported, convention)
    if detailed:
        _split_details(usage)
    return usage


def plain(counts: dict[str, Quantity], convention: Convention) -> Usage:
    """`disjoint` of counts of these few meters alone, as most calls have them, in a third of the time. Changes the
    counts."""
    cached, whole = counts.get("cache_read", 0) + counts.get("cache_write", 0), counts.get("input")
    if not cached or whole is None:
        return Usage(counts, [], [], [])
    if cached <= whole and not (convention.cache_outside or convention.cache_unknown):
        counts["input"] = whole - cached
        return Usage(counts, ["cache_inside"], [], [])
    return disjoint(counts, None, convention)


def plain_columns(counts: CountColumns, convention: Convention) -> tuple[CountColumns, Sequence[str]] | None:
    """`plain` of many calls, with a column for each meter: their meters, and the rule of each; None where one of them
    is to be looked at by itself."""
    whole, cached = counts.get("input"), [counts[name] for name in _CACHED if name in counts]
    if whole is None or not cached:
        return counts, [_PLAIN_RULE] * len(next(iter(counts.values())))
    if convention.cache_outside or convention.cache_unknown:
        return None
    together = [*map(sum, zip(*cached, strict=True))] if len(cached) > 1 else cached[0]
    rest = [*map(sub, whole, together)]
    if min(rest) < 0:
        return None
    return {**counts, "input": rest}, ["cache_inside" if count else _PLAIN_RULE for count in together]


def is_blank(meters: Mapping[str, Quantity]) -> bool:
    """Whether nothing was counted but zeros, input and output: no model answers without reading, so that this is what
    emitters write who could not read the answer (a raw response, a stream), not what was used."""
    return "input" in meters and "output" in meters and not any(meters.values())


def use_billed(counts: dict[str, Quantity]) -> bool:
    """Where a provider says what it bills besides what the model worked with (Cohere's `billed_units`), that counts;
    the cached part of what it leaves out is not billed either. Tells whether there was such a count."""
    used = False
    if _BILLED_NAMES.isdisjoint(counts):  # nearly always
        return used
    for part, name in _BILLED:
        billed = counts.pop(name, None)
        if billed is not None:
            used = True
            if part == "input" and billed < counts.get("input", 0):
                counts.pop("cache_read", None)
            counts[part] = billed
    return used


def _use_rest(usage: Usage, total: Quantity) -> None:
    """Make `input` what the total has beyond the output, if that is more: cached tokens in it are not told apart."""
    rest = total - usage.meters.get("output", 0)
    if rest > usage.meters.get("input", rest):
        usage.meters["input"] = rest
        usage.flags.append("cache_not_reported")


def _whole_cache_write(usage: Usage) -> None:
    """Make `cache_write` the sum over all times to live: some emitters leave it out, or zero, when they split it."""
    meters = usage.meters
    if meters.keys().isdisjoint(_TTL):
        return
    split = sum(meters.get(name, 0) for name in _TTL)
    whole = meters.get("cache_write")
    if whole is not None and whole >= split:
        return
    if whole:
        usage.impossible.append("cache_write")
    meters["cache_write"] = split


def _cache_is_outside(usage: Usage, reported: Quantity | None, convention: Convention) -> bool:
    """Whether the input count lacks the cached tokens: by arithmetic if it can tell, else as the dialect has it."""
    count = usage.meters.get
    cached, whole = count("cache_read", 0) + count("cache_write", 0), count("input")
    if not cached or whole is None:
        return False
    proven: bool | None = None
    rule = ""
    if cached > whole:
        proven, rule = True, "cache_outside:exceeds_input"
    elif reported is not None:
        proven = _by_total(whole, count("output", 0), cached, count("reasoning", 0), reported)
        rule = "cache_outside:total" if proven else "cache_inside:total"
    if proven is not None:
        usage.rules.append(rule)
        if proven != convention.cache_outside and not convention.cache_unknown:
            usage.flags.append("arithmetic_over_dialect")
        return proven
    if convention.cache_unknown:
        usage.flags.append("cache_inclusion_unknown")
    usage.rules.append("cache_outside" if convention.cache_outside else "cache_inside")
    return convention.cache_outside


def _by_total(
    whole: Quantity, output: Quantity, cached: Quantity, reasoning: Quantity, reported: Quantity
) -> bool | None:
    """What a provider's own total proves of the cached tokens; `None` when it fits neither reading, or both."""
    inside = reported in {whole + output, whole + output + reasoning}
    outside = reported in {whole + output + cached, whole + output + reasoning + cached}
    return None if inside == outside else outside


def _carve_input(usage: Usage, *, outside: bool, parts: tuple[str, ...]) -> None:
    """Make `input` what no other meter counts, and its `parts` by modality what was not read from cache."""
    if parts and not outside:
        for part, read in _READ_PARTS:
            _subtract(usage, part, read)
    if "input" in usage.meters:
        for part in parts if outside else (*_CACHED, *parts) if parts else _CACHED:
            if part in usage.meters:
                _subtract(usage, "input", part)


def _carve_output(usage: Usage, reported: Quantity | None, convention: Convention) -> None:
    meters = usage.meters
    output, reasoning = meters.get("output"), meters.get("reasoning")
    if output is None:
        return
    rest = None if reported is None else reported - _inclusive_input(usage) - output
    if reasoning:
        if reasoning > output:
            rule, is_outside = "reasoning_outside:exceeds_output", True
        elif rest == reasoning:
            rule, is_outside = "reasoning_outside:total", True
        elif rest == 0:
            rule, is_outside = "reasoning_inside:total", False
        else:
            is_outside = convention.reasoning_outside
            rule = "reasoning_outside" if is_outside else "reasoning_inside"
            if convention.reasoning_unknown:
                usage.flags.append("reasoning_inclusion_unknown")
        usage.rules.append(rule)
        if not is_outside:
            _subtract(usage, "output", "reasoning")
    elif convention.thoughts_hidden and reasoning is None and rest is not None and rest > 0:
        meters["reasoning"] = rest
        usage.flags.append("hidden_reasoning")


def _inclusive_input(usage: Usage) -> Quantity:
    return sum(usage.meters.get(name, 0) for name in ("input", *_CACHED, *_INPUT_PARTS))


def _split_details(usage: Usage) -> None:
    """Take out of `output`, `cache_read` and `cache_write` what has a meter of its own; nothing left of `cache_write`
    is not a meter."""
    for part in _OUTPUT_PARTS:
        _subtract(usage, "output", part)
    for part, whole in _WITHIN_CACHED:
        _subtract(usage, whole, part)
    if usage.meters.get("cache_write") == 0 and not usage.meters.keys().isdisjoint(_TTL):
        del usage.meters["cache_write"]


def _subtract(usage: Usage, whole: str, part: str) -> None:
    """Take a part out of its whole; a part larger than its whole cannot be, and is left out."""
    meters = usage.meters
    quantity = meters.get(part)
    if not quantity:
        return
    container = meters.get(whole)
    if container is None:
        return
    if quantity > container:
        usage.impossible.append(part)
        del meters[part]
        return
    meters[whole] = container - quantity

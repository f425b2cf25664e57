"""What is counted: one table of meters, shared by the app side (which emits them) and the collector (which prices).

The attribute names are those of the OpenTelemetry GenAI semantic conventions where these have one, and `spanledger.*`
where they have none. On a span the counts are *inclusive*, as the conventions define them: `gen_ai.usage.input_tokens`
contains cached tokens. In a charge they are disjoint; `within` says which larger meter contains which.
"""

from dataclasses import dataclass

__all__ = ["METERS", "METER_BY_NAME", "OTHER_METER_PREFIX", "Meter"]

OTHER_METER_PREFIX = "spanledger.usage."
"""Prefix of the attribute that carries any meter which is not in the table: `spanledger.usage.<meter>`."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that a provider counts and bills.

    `name` is the word used in tables and price books, `attribute` the span attribute that carries the count, `unit` the
    unit of one count, and `within` the meter whose inclusive count already contains this one.
    """

    name: str
    attribute: str
    unit: str = "token"
    within: str | None = None


METERS: tuple[Meter, ...] = (
    Meter("input", "gen_ai.usage.input_tokens"),
    Meter("cache_read", "gen_ai.usage.cache_read.input_tokens", within="input"),
    Meter("cache_write", "gen_ai.usage.cache_write.input_tokens", within="input"),
    Meter("cache_write_5m", "anthropic.usage.cache_creation.ephemeral_5m_input_tokens", within="cache_write"),
    Meter("cache_write_1h", "anthropic.usage.cache_creation.ephemeral_1h_input_tokens", within="cache_write"),
    Meter("input_audio", "gen_ai.usage.audio.input_tokens", within="input"),
    Meter("input_image", "gen_ai.usage.image.input_tokens", within="input"),
    Meter("cache_read_audio", "gen_ai.usage.audio.cache_read.input_tokens", within="cache_read"),
    Meter("cache_read_image", "gen_ai.usage.image.cache_read.input_tokens", within="cache_read"),
    Meter("output", "gen_ai.usage.output_tokens"),
    Meter("reasoning", "gen_ai.usage.reasoning.output_tokens", within="output"),
    Meter("output_audio", "gen_ai.usage.audio.output_tokens", within="output"),
    Meter("output_image", "gen_ai.usage.image.output_tokens", within="output"),
    Meter("compaction_input", "anthropic.usage.compaction.input_tokens"),
    Meter("compaction_output", "anthropic.usage.compaction.output_tokens"),
    Meter("advisor_input", "spanledger.usage.advisor_input"),
    Meter("advisor_output", "spanledger.usage.advisor_output"),
    Meter("web_search", "spanledger.usage.web_search", unit="search"),
    Meter("web_fetch", "spanledger.usage.web_fetch", unit="fetch"),
    Meter("request", "spanledger.usage.request", unit="request"),
    Meter("second", "spanledger.usage.second", unit="second"),
)
"""Every meter with an attribute of its own, larger before smaller."""

METER_BY_NAME: dict[str, Meter] = {meter.name: meter for meter in METERS}

"""Spans that other instrumentations of the same SDK make: the call they stand for must not get a second one from us.

We add to theirs what was read. Where their counts mean what the conventions say, ours may replace them; elsewhere ours
stand beside them, under names of our own (`spanledger.usage.input` ...), and the collector reads those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from spanledger import semconv
from spanledger._context_keys import SPAN_KEY
from spanledger.meters import METERS, OTHER_METER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

__all__ = ["Another", "anothers_call", "under_own_names"]

INFERENCE_CONTEXT_KEY = "opentelemetry.genai.client.inference.context"
"""Set by instrumentations built on opentelemetry-util-genai while a call of theirs is active."""

_SDKS = ("openai", "anthropic", "groq", "mistralai", "mistral", "cohere", "together", "ollama", "bedrock")
_NEVER_ENDED = {("openlit.instrumentation", "bedrock")}
"""Spans that are not for us to add to: OpenLIT 1.45 makes one for a stream of Converse and does not end it. A call
beside one of theirs has a span of ours, and is counted once where both arrive."""

_OTHERS: dict[str, bool] = {
    "opentelemetry.instrumentation.genai.bedrock": False,
    "opentelemetry.instrumentation.genai": True,
    "opentelemetry.instrumentation.openai_v2": True,
    **{
        f"{family}.{sdk}": False
        for family in ("openinference.instrumentation", "opentelemetry.instrumentation", "openlit.instrumentation")
        for sdk in _SDKS
        if (family, sdk) not in _NEVER_ENDED
    },
    "openinference.instrumentation.google_genai": False,
    "opentelemetry.instrumentation.google_genai": False,
    "opentelemetry.instrumentation.google_generativeai": False,
    "openlit.instrumentation.google_ai_studio": False,
}
"""Scope of an instrumentation of an SDK, with whatever may follow after a dot, and whether its counts mean what the
conventions say. The longest scope that fits counts. Instrumentations of frameworks are not here: their spans may stand
for several calls; but one of the genai family says which of its spans stands for one."""

_AROUND_CALLS = frozenset({"invoke_agent", "invoke_workflow", "create_agent", "execute_tool", "plan", "retrieval"})
"""Operations of spans that calls lie in."""

_OWN_NAMES = {meter.attribute: OTHER_METER_PREFIX + meter.name for meter in METERS}


class Another(NamedTuple):
    """Whether another instrumentation observes the call that is about to be made; its span, if that is for us to add
    to; and whether its counts mean what the conventions say."""

    observes: bool
    span: Span | None = None
    counts_alike: bool = True


_NO_OTHER, _UNSEEN = Another(observes=False), Another(observes=True)


def anothers_call(within: Context) -> Another:
    """What another instrumentation does about the call that is about to be made in the context `within`."""
    nothing = _NO_OTHER if within.get(INFERENCE_CONTEXT_KEY) is None else _UNSEEN
    span = cast("Span | None", within.get(SPAN_KEY))
    scope = getattr(span, "instrumentation_scope", None)
    if span is None or scope is None or not span.is_recording():
        return nothing
    alike = _counts_alike(scope.name)
    if alike is None:
        return nothing
    said = cast("Mapping[str, object]", getattr(span, "attributes", None) or {})
    if said.get(semconv.OPERATION_NAME) in _AROUND_CALLS:
        return nothing
    taken = "end" in vars(span)  # by an earlier call within the same span
    return Another(observes=True, span=None if taken else span, counts_alike=alike)


@lru_cache(maxsize=256)
def _counts_alike(scope: str) -> bool | None:
    """What the table says of a scope; `None` if it is not there."""
    while scope:
        if scope in _OTHERS:
            return _OTHERS[scope]
        scope = scope.rpartition(".")[0]
    return None


def under_own_names(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """What may stand on a span that counts in a way of its own; nothing, if there is no usage to tell of."""
    if attributes.get(semconv.USAGE_STATUS) == "unmetered":
        return {}
    named = {_OWN_NAMES.get(name, name): value for name, value in attributes.items()}
    return {name: value for name, value in named.items() if name.startswith("spanledger.")}

"""What follows from what an emitter says alike in call after call: the operation, who bills, and how it counts."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast, get_args

from spanledger import semconv
from spanledger_collector.dialects.billing import billing_provider, recorded_provider, region_of_host
from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.facts import Steady
from spanledger_collector.dialects.operations import OPERATIONS, SPELLINGS, role_of_operation
from spanledger_collector.dialects.peer import host_of_url
from spanledger_collector.dialects.usage import Convention
from spanledger_collector.model import Conditions, Role, UsageStatus

__all__ = ["Setting", "setting_of"]

_USAGE_STATUSES: Final = frozenset(get_args(UsageStatus))
_ESTIMATE: Final = "estimated by the emitter"
_OPENAI_ON_BEDROCK: Final = "openai."
"""In the ids of models of OpenAI there. Bedrock passes on their counts, in which cached tokens may be inside the input,
unlike those of all others there (maximhq/bifrost#6942)."""
_PLAIN: Final = Convention()


@dataclass(frozen=True, slots=True)
class Setting:
    """What an emitter says alike in call after call. `tells_enough` for an observation without counts; `usage_status`
    as it says itself, else `of_counts` where there are some; `zeros_count` where it would not write zeros for what it
    could not read."""

    operation: str
    role: Role
    tells_enough: bool
    provider: str
    request_model: str | None
    response_model: str | None
    conditions: Conditions
    convention: Convention
    host: str | None
    error_type: str | None
    usage_status: UsageStatus | None
    of_counts: UsageStatus
    usage_evidence: str | None
    flags: tuple[str, ...]
    zeros_count: bool

    def status(self, *, counted: bool) -> UsageStatus:
        """The usage status of a call of which something, or nothing, was `counted`."""
        return self.usage_status or (self.of_counts if counted else "unmetered")


@lru_cache(2048)
def setting_of(dialect: Dialect, steady: Steady, span_name: str, kind: int) -> Setting:
    """What follows from steady facts, and from the kind and name of the span. Remembered by the facts as an object."""
    said = steady.texts.get
    named = said("operation") or dialect.operation or ""
    operation = SPELLINGS.get(named, named)
    role = _role(dialect, span_name, kind, operation)
    host, request_model, response_model = _host(said("server_address")), said("request_model"), said("response_model")
    provider = _provider(said("provider") or dialect.provider, host, request_model or response_model, operation)
    is_estimate = any(part in (request_model or "") for part in dialect.estimates)
    status = said("usage_status")
    return Setting(
        operation=operation,
        role=role,
        tells_enough=_tells_enough(dialect, steady, operation, role),
        provider=provider,
        request_model=request_model,
        response_model=response_model,
        conditions=_conditions(steady, host),
        convention=_convention(dialect, steady, provider, operation, request_model or response_model or ""),
        host=host,
        error_type=said("error_type"),
        usage_status=cast("UsageStatus", status) if status in _USAGE_STATUSES else None,
        of_counts="estimated" if is_estimate else "metered",
        usage_evidence=said("usage_evidence") or (_ESTIMATE if is_estimate else None),
        flags=() if _is_completed(steady) else dialect.flags,
        zeros_count=dialect.source_rank == 0 or _is_completed(steady),
    )


def _host(said: str | None) -> str | None:
    """The host, in lower case, of an address that some emitters give as a URL."""
    if said is None:
        return None
    return host_of_url(said) if "://" in said else said.lower()


def _role(dialect: Dialect, span_name: str, kind: int, operation: str) -> Role:
    """What the span may become, by the most particular rule."""
    return (
        dialect.role_names.get(span_name)
        or dialect.role_names.get(span_name.rpartition(".")[2])
        or dialect.operations.get(operation)
        or role_of_operation(operation, kind)
    )


def _tells_enough(dialect: Dialect, steady: Steady, operation: str, role: Role) -> bool:
    """A span without counts is kept where it may be a call without usage, or the agent around calls. A tool's is not,
    nor is what we do not know (a rendered prompt, a task of somebody's own) if it names no model."""
    if role == "ignored":
        return False
    is_known_operation = operation in OPERATIONS or operation in dialect.operations
    return is_known_operation or "request_model" in steady.texts or "response_model" in steady.texts


def _provider(named: str | None, host: str | None, model: str | None, operation: str) -> str:
    return recorded_provider(named) if operation == semconv.RECORD else billing_provider(named, host, model)


def _conditions(steady: Steady, host: str | None) -> Conditions:
    said = steady.texts.get
    return Conditions(
        service_tier=said("service_tier"),
        processing=said("processing"),
        speed=said("speed"),
        region=said("region") or (region_of_host(host) if host else None),
        inference_geo=said("inference_geo"),
        deployment_type=said("deployment_type"),
        search_context_size=said("search_context_size"),
    )


def _is_completed(steady: Steady) -> bool:
    """Whether our instrumentation has completed the span: then it counts as the conventions have it."""
    return "usage_status" in steady.texts


def _convention(dialect: Dialect, steady: Steady, provider: str, operation: str, model: str) -> Convention:
    if _is_completed(steady):
        return _PLAIN
    outside = _holds(dialect.cache_outside, provider)
    unknown = outside and provider == "aws.bedrock" and _OPENAI_ON_BEDROCK in model
    return Convention(
        cache_outside=outside and not unknown,
        cache_unknown=unknown or _holds(dialect.cache_unknown, provider),
        reasoning_outside=_holds(dialect.reasoning_outside, provider)
        or operation in dialect.reasoning_outside_operations,
        reasoning_unknown=dialect.reasoning_unknown,
        total_is_reported=dialect.total_is_reported,
        input_is_rest=dialect.input_is_rest,
        thoughts_hidden=provider in {"gcp.gemini", "gcp.vertex_ai"},
    )


def _holds(providers: frozenset[str], provider: str) -> bool:
    return provider in providers or providers == ANY_PROVIDER

"""Which model of a price book a call is billed as: strictly, by listed names and by the few forms that providers
document.

A name is a listed name or it is unknown: never the longest prefix, never the nearest neighbour, never a date that
nobody has published. Which of a call's two names counts: the answer's (it says which model ran), except at providers
whose request names a profile or region that the answer does not (`Provider.billed_name`); the other name is asked
only if that one is absent.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from spanledger_collector.call_records import Conditions
from spanledger_collector.pricing.book import EVERY_MODEL, PriceBook
from spanledger_collector.pricing.providers import ASSUMED_SYNONYMS, PROVIDER_BY_NAME, Provider
from spanledger_collector.pricing.scopes import situation

__all__ = ["Resolved", "Unresolved", "conditions_named", "listed_name", "resolve"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The billing provider and model; `region` is set when the name itself said where the call ran; `instants` are
    the moments at which the name changes its meaning."""

    provider: Provider
    model: str
    region: str | None = None
    instants: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why a name has no price: `unknown_provider:<name>`, `unknown_model:<name>`, `unmapped_deployment:<name>`,
    `no_provider_name`, `no_model_name`.

    `instants` are the moments at which that may change.
    """

    reason: str
    instants: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A name in the form in which it may be listed, or the reason why it can only be in the user's own map."""

    name: str
    region: str | None = None
    unmapped: str = ""


_ARN = re.compile(r"arn:aws[\w-]*:bedrock:(?P<region>[\w-]*):\d*:(?P<kind>[\w-]+)/(?P<name>.+)")
_VERTEX_MODEL = re.compile(r"(?:projects/[^/]+/locations/(?P<region>[^/]+)/)?publishers/[^/]+/models/(?P<name>[^/]+)")
_VERTEX_ENDPOINT = re.compile(r"projects/[^/]+/locations/[^/]+/endpoints/[^/]+")
_FINE_TUNED = re.compile(r"ft:(?P<base>[^:]+):.+")
_ARNS_BY_MODEL: Final = frozenset({"foundation-model", "inference-profile"})


def _bedrock(name: str) -> _Read:
    """Model ids, system inference profiles, and ARNs of both (Amazon Bedrock user guide, "Supported foundation
    models" and "Inference profiles"). What an ARN of another kind stands for is in no public list."""
    arn = _ARN.fullmatch(name)
    if arn is None:
        return _Read(name)
    if arn["kind"] in _ARNS_BY_MODEL:
        return _Read(arn["name"], arn["region"] or None)
    return _Read(name, arn["region"] or None, unmapped="unmapped_profile")


def _vertex(name: str) -> _Read:
    """`publishers/x/models/y@version`, with or without project and location (Vertex AI, "Model resource names"), and
    `google/x`, which is what its OpenAI-compatible endpoint takes (Vertex AI, "OpenAI compatibility")."""
    if _VERTEX_ENDPOINT.fullmatch(name):
        return _Read(name, unmapped="unmapped_endpoint")
    path = _VERTEX_MODEL.fullmatch(name)
    return _Read(path["name"], path["region"]) if path else _Read(name.removeprefix("models/").removeprefix("google/"))


def _gemini(name: str) -> _Read:
    """`models/x` is the resource name of model x (Gemini API, "Models")."""
    return _Read(name.removeprefix("models/"))


def _openai(name: str) -> _Read:
    """`ft:base:organisation:name:id` is billed as the fine-tuned model of its base (OpenAI, "Fine-tuning")."""
    tuned = _FINE_TUNED.fullmatch(name)
    return _Read(f"ft:{tuned['base']}" if tuned else name)


def _plain(name: str) -> _Read:
    return _Read(name)


_FORMS: Final[Mapping[str, Callable[[str], _Read]]] = {
    "aws.bedrock": _bedrock,
    "gcp.vertex_ai": _vertex,
    "gcp.gemini": _gemini,
    "openai": _openai,
}


def resolve(
    provider_name: str, request_model: str | None, response_model: str | None, book: PriceBook, at_ns: int
) -> Resolved | Unresolved:
    """The model that is billed, or the reason why none is known."""
    spelled = provider_name.strip().lower()
    if not spelled:
        return Unresolved("no_provider_name")
    provider = PROVIDER_BY_NAME.get(spelled) or Provider(spelled, "")
    if not book.has_provider(provider.name):
        return Unresolved(f"unknown_provider:{provider_name}")
    first, second = response_model, request_model
    if provider.billed_name == "request":
        first, second = second, first
    found = _billed_as(provider, first, second, book, at_ns)
    if isinstance(found, Unresolved) and book.entries_of(provider.name, EVERY_MODEL):
        found = Resolved(provider, EVERY_MODEL)
    instants = _instants(provider, (first, second), book, at_ns)
    if isinstance(found, Unresolved):
        return replace(found, instants=instants)
    return replace(found, instants=instants, flags=("provider_assumed",) if spelled in ASSUMED_SYNONYMS else ())


def _billed_as(
    provider: Provider, first: str | None, second: str | None, book: PriceBook, at_ns: int
) -> Resolved | Unresolved:
    """By the first name; the second is asked where there is no first, and in the user's own map."""
    found: Resolved | Unresolved = Unresolved("no_model_name")
    if first:
        found = _named(provider, first, book, at_ns, own_map_only=False)
    elif second:
        found = _named(provider, second, book, at_ns, own_map_only=provider.request_needs_map)
    if isinstance(found, Unresolved) and provider.request_needs_map and first and second:
        mapped = _named(provider, second, book, at_ns, own_map_only=True)
        return mapped if isinstance(mapped, Resolved) else found
    return found


def _named(provider: Provider, name: str, book: PriceBook, at_ns: int, *, own_map_only: bool) -> Resolved | Unresolved:
    read = _read(provider, name, book, at_ns)
    model = book.model_named(provider.name, read.name, at_ns, own_map_only=own_map_only or bool(read.unmapped))
    if model is not None:
        return Resolved(provider, model, read.region)
    reason = read.unmapped or ("unmapped_deployment" if own_map_only else "unknown_model")
    return Unresolved(f"{reason}:{name}")


def _instants(provider: Provider, names: Iterable[str | None], book: PriceBook, at_ns: int) -> tuple[int, ...]:
    """The moments at which either name changes its meaning."""
    read = [_read(provider, name, book, at_ns).name for name in names if name]
    return tuple(sorted({at for name in read for at in book.instants_of_name(provider.name, name)}))


def _read(provider: Provider, name: str, book: PriceBook, at_ns: int) -> _Read:
    return _FORMS.get(provider.name, _plain)(_without_own_prefix(provider, name, book, at_ns))


def listed_name(provider_name: str, name: str, book: PriceBook, at_ns: int) -> tuple[str, str]:
    """Provider and model under which a price for what is called so must stand in a book."""
    provider, read = _spelled(provider_name, name, book, at_ns)
    return provider.name, book.model_named(provider.name, read.name, at_ns) or read.name.lower()


def conditions_named(
    provider_name: str, name: str, reported: Conditions, book: PriceBook, at_ns: int
) -> Mapping[str, str]:
    """What a price must name to be for calls under these conditions, in the words of a book."""
    provider, read = _spelled(provider_name, name, book, at_ns)
    return situation(provider, reported, read.region).conditions


def _spelled(provider_name: str, name: str, book: PriceBook, at_ns: int) -> tuple[Provider, _Read]:
    spelled = provider_name.strip().lower()
    provider = PROVIDER_BY_NAME.get(spelled) or Provider(spelled, "")
    return provider, _read(provider, name, book, at_ns)


def _without_own_prefix(provider: Provider, name: str, book: PriceBook, at_ns: int) -> str:
    """Gateways write `anthropic/claude-opus-4-5` for a call to Anthropic itself. A name of *another* provider before
    the slash stays, so that it is not found; so does one that is part of a listed name."""
    prefix, slash, rest = name.partition("/")
    own = slash and PROVIDER_BY_NAME.get(prefix.lower()) is provider
    return rest if own and book.model_named(provider.name, name, at_ns) is None else name

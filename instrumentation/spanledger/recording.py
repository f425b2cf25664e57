"""Metering what is no model call: searches, evaluation runs, compute time. Each record is a span of its own.

    spanledger.record("evaluation_run", 1, provider="evals", model="nightly")
    spanledger.record("second", Decimal("12.5"), provider="gpu_farm", model="a100")

The span says who spends as every call does. A price comes only from the user's own book, by provider, model (`*` stands
for any there) and meter; without one the record is unpriced.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from opentelemetry import trace

from spanledger import _settings, semconv
from spanledger._guard import guarded
from spanledger._version import __version__
from spanledger.meters import METER_BY_NAME, OTHER_METER_PREFIX

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from spanledger._settings import Settings

__all__ = ["record"]

_METER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LARGEST = 10**12
_PLACES = 6
"""What the ledger holds of a quantity: less than a trillion, six decimal places."""


def record(
    meter: str,
    quantity: int | Decimal,
    *,
    unit: str | None = None,
    provider: str | None = None,
    model: str | None = None,
) -> None:
    """Meter `quantity` of `meter` now, in the current trace, attributed as the context says.

    `meter` is a name of the table of meters (`web_search`, `second`, ...) or any other word; `unit` says what is
    counted, for people. `provider` and `model` are what a price is looked up by: names of your own, the provider's in
    lower case.

    Raises `TypeError` and `ValueError` for what cannot be metered: a negative or endless quantity, a boolean, a float
    (which does not say what was meant: give a `Decimal`), more than six decimal places, parts of whole units, a unit
    that is not the meter's. Nothing is raised, and nothing recorded, when the instrumentation is switched off.
    """
    _check_meter(meter, unit)
    _check_quantity(meter, quantity)
    for name, value in (("unit", unit), ("provider", provider), ("model", model)):
        _check_text(name, value)
    guarded("record a quantity", _record, meter, quantity, unit, provider, model)


def _check_meter(meter: str, unit: str | None) -> None:
    if not isinstance(meter, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"meter is text, not {type(meter).__name__}")
    if not _METER_NAME.fullmatch(meter):
        raise ValueError(f"meter {meter!r} must be 1 to 64 letters, digits, '_', '-' or '.', a letter first")
    known = METER_BY_NAME.get(meter)
    if known is not None and unit not in (None, known.unit):
        raise ValueError(
            f"meter {meter!r} counts in {known.unit!r}, not {unit!r}; choose another name for another unit"
        )


def _check_text(name: str, value: str | None) -> None:
    if value is None:
        return
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{name} is empty; leave it out instead")


def _check_quantity(meter: str, quantity: int | Decimal) -> None:
    if isinstance(quantity, bool) or not isinstance(quantity, int | Decimal):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"quantity of {meter!r} is an int or a Decimal, not {type(quantity).__name__}")
    number = Decimal(quantity)
    if not number.is_finite():
        raise ValueError(f"quantity of {meter!r} is {quantity}, which is not a finite number")
    if not 0 <= number < _LARGEST:
        raise ValueError(f"quantity of {meter!r} is {quantity}; it must be zero or more, and less than {_LARGEST:,}")
    known = METER_BY_NAME.get(meter)
    places = 0 if known is not None and known.unit != "second" else _PLACES
    if number != round(number, places):
        whole = "a whole number" if places == 0 else f"of at most {places} decimal places"
        raise ValueError(f"quantity of {meter!r} is {quantity}; it must be {whole}")


def _record(meter: str, quantity: int | Decimal, unit: str | None, provider: str | None, model: str | None) -> None:
    # Imported now: who only imports `spanledger` for `attribution` pays for none of this.
    from spanledger import _call  # noqa: PLC0415
    from spanledger.attribution import attribution_attributes  # noqa: PLC0415

    tracer, settings = _call.reporting() or _by_default()
    if not settings.enabled or _call.suppressed():
        return
    known = METER_BY_NAME.get(meter)
    named = {
        semconv.OPERATION_NAME: semconv.RECORD,
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: model,
        known.attribute if known is not None else OTHER_METER_PREFIX + meter: _attribute_of(quantity),
        semconv.RECORD_UNIT: unit or (known.unit if known is not None else None),
        semconv.USAGE_STATUS: "metered",
    }
    attributes = {name: value for name, value in named.items() if value is not None}
    attributes |= attribution_attributes(None, settings.baggage_keys)
    tracer.start_span(f"{semconv.RECORD} {meter}", attributes=attributes).end()


def _attribute_of(quantity: int | Decimal) -> int | float | str:
    """The quantity as a span can carry it, exactly: a float only where that says the same digits."""
    if quantity == int(quantity):
        return int(quantity)
    number = float(quantity)
    return number if Decimal(repr(number)) == quantity else format(Decimal(quantity).normalize(), "f")


def _by_default() -> tuple[Tracer, Settings]:
    """The global tracer provider and the environment's settings, when no SDK has been instrumented in this process."""
    return trace.get_tracer(semconv.SCOPE_NAME, __version__), _settings.load()

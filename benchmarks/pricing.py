"""What pricing costs per call, against two baselines: making the result records alone, and genai-prices' own
calculation.

    python benchmarks/pricing.py

Prints microseconds of CPU per call (the best of several rounds, since other work only slows a round down), the ratio to
each baseline, and how long a million calls would take on one core.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from genai_prices import Usage, calc_price

from spanledger_collector.model import Attribution, Call, Charge, Conditions, Pricing
from spanledger_collector.pricing import price, shipped_book

ROUNDS = 7
CALLS = 20_000
AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9


def main() -> None:
    """Measure and print."""
    started = time.process_time()
    book = shipped_book()
    print(f"open the shipped book: {(time.process_time() - started) * 1000:.0f} ms ({len(book)} prices)")
    shapes = {
        "chat: input, output": {"input": 1200, "output": 300},
        "agent: input, cache read, output, reasoning": {
            "input": 900,
            "cache_read": 8000,
            "output": 80,
            "reasoning": 700,
        },
    }
    for name, meters in shapes.items():
        records = best(partial(make_records, len(meters)))
        other = best(lambda: calc_price(Usage(input_tokens=1200, output_tokens=300), "gpt-5", provider_id="openai"))
        ours = best(partial(price, make_call("gpt-5-2025-08-07", meters), book))
        print(f"{name}: {ours:.2f} us per call")
        print(f"  {ours / records:.2f} x making the records alone ({records:.2f} us)")
        print(f"  {ours / other:.2f} x genai-prices calc_price of two counts ({other:.2f} us)")
        print(f"  a million calls: {ours:.1f} s on one core")
    dated = best(partial(price, make_call("gpt-4o", {"input": 1200, "output": 300}), book))
    print(f"a name that changed its model over time: {dated:.2f} us per call")


def best(run: Callable[[], object]) -> float:
    """Microseconds for one run, in the best of several rounds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(CALLS // 10):
            run()
        rounds.append((time.process_time() - started) / (CALLS // 10) * 1e6)
    return min(rounds)


def make_records(charges: int) -> Pricing:
    """The records that pricing returns, with nothing worked out."""
    amount = Decimal("0.001")
    rows = tuple(Charge("input", 1, "token", amount, amount, "0" * 16) for _ in range(charges))
    return Pricing("priced", (), rows, amount, amount, amount, "0" * 64, ())


def make_call(model: str, meters: dict[str, int]) -> Call:
    """A call to OpenAI without anything special."""
    return Call(
        call_id="c",
        trace_id=bytes(16),
        span_id=bytes(8),
        started_ns=AT,
        ended_ns=AT,
        service="bench",
        provider="openai",
        operation="chat",
        request_model=model,
        response_model=model,
        response_id=None,
        error_type=None,
        usage_status="metered",
        usage_evidence=None,
        meters=meters,
        conditions=Conditions(service_tier="default"),
        attribution=Attribution(),
        dialect="bench",
        sources=(),
    )


if __name__ == "__main__":
    main()

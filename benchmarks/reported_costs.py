"""Our prices beside the providers' own, over recorded exchanges that carry these (OpenRouter, xAI, gateways).

    PYTHONPATH=. python benchmarks/reported_costs.py EXCHANGES.jsonl[.gz]

Each line of the file has `provider`, `request_model`, `usage` as the provider sent it, `truth` (normalised counts,
input including cached tokens), `response` and `resp_headers`. Prints each exchange with both prices, the ratio, and why
they differ where that can be told; then how many agree to a thousandth. A model that OpenRouter passes on to sellers
with prices of their own costs what the seller asks; our book has one price for it.
"""

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from tests.unit.pricing_cases import make_call

from spanledger_collector.model import Call, Pricing
from spanledger_collector.pricing import price, shipped_book
from spanledger_collector.pricing.engine import REPORTED_DIFFERS

TICKS_PER_USD = 10**10
"""xAI reports cost in ten-billionths of a dollar."""
MODEL = re.compile(r'"model": ?"([^"]+)"')


@dataclass(frozen=True)
class Reported:
    """An exchange as a call, and what the provider said of its price."""

    identity: str
    call: Call
    usd: Decimal
    upstream: Decimal | None
    own_key: bool


def main() -> None:
    """Compare and print."""
    book = shipped_book()
    kinds: Counter[str] = Counter()
    for one in _reported(Path(sys.argv[1])):
        ours = price(one.call, book)
        kind = _kind(one, ours)
        kinds[kind] += 1
        ratio = f"{ours.cost_usd / one.usd:.4f}" if ours.cost_usd is not None and one.usd else "-"
        cost = "; ".join(ours.reasons) if ours.cost_usd is None else f"{ours.cost_usd.normalize():f}"
        print(f"{one.identity}  {one.call.provider:<11} {one.call.response_model or one.call.request_model:<26}"
              f" theirs {one.usd:f}  ours {cost}  ratio {ratio}  {kind}")  # fmt: skip
    print("\n" + "\n".join(f"{count:>4}  {kind}" for kind, count in kinds.most_common()))


def _kind(one: Reported, ours: Pricing) -> str:
    if ours.cost_usd is None:
        return "no price of ours"
    if REPORTED_DIFFERS not in ours.flags:
        return "agrees"
    if one.own_key and one.upstream is not None:
        same = abs(one.upstream - ours.cost_usd) * 1000 <= ours.cost_usd
        return f"paid to the provider with a key of one's own: its price {'agrees' if same else 'differs'}"
    return "differs"


def _reported(path: Path) -> Iterator[Reported]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            exchange: dict[str, Any] = json.loads(line)
            usage: dict[str, Any] = exchange.get("usage") or {}
            usd = _cost(usage)
            if usd is not None:
                details: dict[str, Any] = usage.get("cost_details") or {}
                upstream = details.get("upstream_inference_cost")
                yield Reported(
                    exchange["id"],
                    replace(_call(exchange), reported_cost_usd=usd),
                    usd,
                    None if upstream is None else Decimal(str(upstream)),
                    bool(usage.get("is_byok")),
                )


def _cost(usage: dict[str, Any]) -> Decimal | None:
    if (ticks := usage.get("cost_in_usd_ticks")) is not None:
        return Decimal(int(ticks)) / TICKS_PER_USD
    gateway: dict[str, Any] = usage.get("pydantic_ai_gateway") or {}
    cost: object = usage["cost"] if "cost" in usage else gateway.get("cost_estimate")
    return None if cost is None else Decimal(str(cost))


def _call(exchange: dict[str, Any]) -> Call:
    truth: dict[str, int] = exchange["truth"]
    cached, reasoning = truth.get("cache_read") or 0, truth.get("reasoning") or 0
    meters = {
        "input": truth["input"] - cached,
        "cache_read": cached,
        "output": truth["output"] - reasoning,
        "reasoning": reasoning,
    }
    text = json.dumps(exchange.get("response") or "").replace("\\", "")
    named = MODEL.search(text)
    # What OpenRouter answers has ids that begin with gen-; a gateway resells at the price of OpenAI.
    sold_by: str = exchange["provider"]
    provider = "openrouter" if '"gen-' in text else "openai" if sold_by == "gateway" else sold_by
    headers: dict[str, str] = exchange.get("resp_headers") or {}
    at = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
    call = make_call(provider, exchange["request_model"], meters, answer=named[1] if named else None)
    return replace(call, started_ns=int(at.timestamp()) * 10**9, ended_ns=int(at.timestamp()) * 10**9)


if __name__ == "__main__":
    main()

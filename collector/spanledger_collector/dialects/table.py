"""The dialects that we read: one row for each emitter and range of versions. The first row that fits a span is taken.

What a row does not say is as in the GenAI conventions: input contains cached tokens, output contains reasoning. Facts
in `notes` were read from the named releases or seen on the wire.
"""

from typing import Final

from spanledger import semconv
from spanledger_collector.dialects.dialect import ANY_PROVIDER, Dialect
from spanledger_collector.dialects.table_agents import AGENTS
from spanledger_collector.dialects.table_frameworks import FRAMEWORKS
from spanledger_collector.dialects.table_products import PRODUCTS
from spanledger_collector.dialects.table_sdks import SDKS
from spanledger_collector.dialects.table_vercel import VERCEL

__all__ = ["DIALECTS", "GENERIC_DIALECT"]

OWN: Final = Dialect(
    id="spanledger",
    scopes=(semconv.SCOPE_NAME,),
    source_rank=1,
    notes="Our own instrumentation: the conventions, and spanledger.* where these have nothing.",
)

GENERIC_DIALECT: Final = Dialect(
    id="generic",
    source_rank=3,
    cache_unknown=ANY_PROVIDER,
    reasoning_unknown=True,
    notes="An emitter that we do not know, read by the union of all names. Whether its input contains cached tokens, "
    "and its output reasoning, is taken from arithmetic, else assumed as in the conventions, flagged and priced as a "
    "range.",
)

DIALECTS: Final[tuple[Dialect, ...]] = (OWN, *SDKS, *PRODUCTS, *FRAMEWORKS, *VERCEL, *AGENTS)

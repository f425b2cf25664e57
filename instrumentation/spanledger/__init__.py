"""What an application imports: attribution of LLM calls, metering of other operations, and estimates.

Everything else works through `opentelemetry-instrument`.
"""

from spanledger._version import __version__
from spanledger.attribution import attribution, in_this_context
from spanledger.estimating import CostEstimate, estimate_cost
from spanledger.recording import record

__all__ = ["CostEstimate", "__version__", "attribution", "estimate_cost", "in_this_context", "record"]

"""What an application imports: attribution of LLM calls, and metering of other operations.

Everything else works through `opentelemetry-instrument`.
"""

from spanledger._version import __version__
from spanledger.attribution import attribution, in_this_context
from spanledger.recording import record

__all__ = ["__version__", "attribution", "in_this_context", "record"]

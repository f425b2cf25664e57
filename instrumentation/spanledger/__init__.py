"""What an application imports: attribution of LLM calls. Everything else works through `opentelemetry-instrument`."""

from spanledger._version import __version__
from spanledger.attribution import attribution

__all__ = ["__version__", "attribution"]

"""What an application imports: attribution of LLM calls. Everything else works through `opentelemetry-instrument`."""

from spanledger._version import __version__

__all__ = ["__version__"]

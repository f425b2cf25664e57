"""A request that the provider refuses, and how each provider words it on the wire."""

from provider_server.documents import JsonObject
from provider_server.records import Provider

__all__ = ["ProviderError", "error_body"]

_OPENAI_TYPES = {429: "rate_limit_exceeded", 500: "server_error", 529: "server_error"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_GOOGLE_STATUSES = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 529: "UNAVAILABLE"}


class ProviderError(Exception):
    """Refused with HTTP `status`; `code` is OpenAI's machine-readable word for it, if it has one."""

    def __init__(self, status: int, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def error_body(provider: Provider, error: ProviderError, request_id: str) -> JsonObject:
    """The JSON body of a refusal."""
    if provider == "openai":
        kind = _OPENAI_TYPES.get(error.status, "invalid_request_error")
        return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
    if provider == "google":
        status = _GOOGLE_STATUSES.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
        return {"error": {"code": error.status, "message": error.message, "status": status}}
    kind = _ANTHROPIC_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": request_id}

"""`/openapi.json`, made from the table of queries."""

from collections.abc import Mapping, Sequence

from spanledger._version import __version__
from spanledger_collector.ledger.actions import Action
from spanledger_collector.ledger.queries import Document, Parameter, Question

__all__ = ["openapi"]

_PROBLEM: Document = {
    "description": "A problem (RFC 9457).",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "exit_code": {"type": "integer"},
                },
            }
        }
    },
}


def openapi(questions: Sequence[Question], others: Mapping[str, str], actions: Sequence[Action] = ()) -> Document:
    """The document; `others` are further paths with what they are."""
    plain = {
        path: {"get": {"summary": text, "responses": {"200": {"description": text}}}} for path, text in others.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SpanLedger",
            "version": __version__,
            "description": "Money (USD) and quantities are decimal strings, times ISO 8601 UTC, unknown values null.",
        },
        "paths": {
            **{question.path: _operations(question) for question in questions},
            **{action.path: _operation(action) for action in actions},
            **plain,
        },
    }


def _operation(action: Action) -> Document:
    properties: Document = {one.name: {"type": "string", "description": one.help} for one in action.parameters}
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": properties}}}}
    answers = {
        "200": {"description": action.help, "content": {"application/json": {"schema": {"type": "object"}}}},
        "default": _PROBLEM,
    }
    described = {"operationId": action.name, "summary": action.help, "responses": answers}
    return {"post": {**described, "requestBody": {"required": True, **body}}}


def _operations(question: Question) -> Document:
    answers = {
        "200": {"description": question.help, "content": {"application/json": {"schema": {"type": "object"}}}},
        "default": _PROBLEM,
    }
    described = {"operationId": question.name, "summary": question.help, "responses": answers}
    operations = {"get": {**described, "parameters": [_parameter(parameter) for parameter in question.parameters]}}
    if question.posted_as or question.posted:
        names = [question.posted_as] if question.posted_as else [parameter.name for parameter in question.parameters]
        schema: Document = {"type": "string"} if question.posted_as else {}
        body: Document = {"type": "object", "properties": dict.fromkeys(names, schema)}
        if question.posted_as:
            body["required"] = names
        request = {"required": True, "content": {"application/json": {"schema": body}}}
        operations["post"] = {**described, "operationId": f"{question.name}Posted", "requestBody": request}
    return operations


def _parameter(parameter: Parameter) -> Document:
    schema: Document = {"type": "string"}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": "path" if parameter.in_path else "query",
        "required": parameter.in_path,
        "description": parameter.help,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }

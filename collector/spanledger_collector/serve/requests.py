"""From an HTTP request to the arguments of a question."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from spanledger_collector.errors import BadQuery
from spanledger_collector.ledger.queries import Arguments, Parameter, Question

__all__ = ["read_arguments", "read_posted"]

_BODY_BYTES = 1024 * 1024


async def read_arguments(request: Request, question: Question) -> Arguments:
    """The arguments in the path, the query string and (where the question allows it) a JSON body.

    Raises BadQuery, and HTTPException for a body that is too large or no JSON.
    """
    arguments = {name: request.query_params.getlist(name) for name in request.query_params}
    arguments |= {name: [str(value)] for name, value in request.path_params.items()}
    if request.method == "POST" and question.posted_as:
        arguments[question.parameters[0].name] = [await _posted(request, question.posted_as)]
    if request.method == "POST" and question.posted:
        arguments |= await read_posted(request)
    return arguments


async def read_posted(request: Request, parameters: Iterable[Parameter] = ()) -> dict[str, list[str]]:
    """The fields of a JSON body as text: all values of a list where the parameter may be given several times; null is
    as if it were not there. Raises as `read_arguments` does."""
    many = {parameter.name for parameter in parameters if parameter.many}
    fields = {name: value for name, value in (await _body(request)).items() if value is not None}
    return {
        name: [_as_text(one) for one in cast("list[object]", value)]
        if name in many and isinstance(value, list)
        else [_as_text(value)]
        for name, value in fields.items()
    }


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def _posted(request: Request, field: str) -> str:
    text = (await _body(request)).get(field)
    if not isinstance(text, str):
        raise BadQuery(f'The body must be like {{"{field}": "..."}}.')
    return text


async def _body(request: Request) -> dict[str, object]:
    # A browser sends this media type to another site only after asking, which is refused: no page can post here unseen.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Send at most {_BODY_BYTES} bytes")
    try:
        document = json.loads(bytes(body))
    except ValueError as error:
        raise BadQuery(f"The body is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise BadQuery("The body must be a JSON object.")
    return cast("dict[str, object]", document)

"""Anthropic's managed agents: the events of a session tell of each request to a model, with its usage.

Such an event does not say which model it was. The session does, where one agent is at work in it; where several are,
or where this process has not seen the session, the model stays unknown, and with it the price.
"""

from __future__ import annotations

import re
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final

from spanledger._fetched import Fetching, Found
from spanledger._reading import Reading
from spanledger.providers.openai_usage import items
from spanledger.usage import get

if TYPE_CHECKING:
    from spanledger._reading import Reader

__all__ = ["agent_fetchings"]

_REMEMBERED: Final = 4096
"""Sessions whose model is kept; the oldest are forgotten first."""

_models: dict[str, str] = {}
_lock = Lock()

_UNKNOWN: Final = "which model it was is not known: several agents are at work, or the session was not seen here"
_SESSION_IN_PATH: Final = re.compile(r"/sessions/([^/]+)/")


def find_session(session: object) -> None:
    """A session, made or fetched, is no call; its model is remembered."""
    agent, session_id = get(session, "agent"), get(session, "id")
    model = get(get(agent, "model"), "id")
    if isinstance(session_id, str) and isinstance(model, str) and get(agent, "multiagent") is None:
        with _lock:
            _models[session_id] = model
            if len(_models) > _REMEMBERED:
                del _models[next(iter(_models))]


def agent_fetchings(read_message: Reader) -> tuple[Fetching, ...]:
    """What is fetched of sessions. `read_message` reads a message of Anthropic's, whose usage is written alike."""

    def find_requests(path: str, answer: object) -> list[Found]:
        """The model requests in an event of a stream, or in a page of them."""
        within = _SESSION_IN_PATH.search(path)
        model = _models.get(within[1]) if within is not None else None
        events = list(items(get(answer, "data"))) or [answer]
        return [found(event, model) for event in events if get(event, "type") == "span.model_request_end"]

    def found(event: object, model: str | None) -> Found:
        reading = Reading()
        read_message({"id": get(event, "id"), "model": model, "usage": get(event, "model_usage")}, reading)
        reading.evidence = None if model is not None else _UNKNOWN
        reading.error_type = "model_request_error" if get(event, "is_error") is True else None
        return Found("chat", reading)

    return (
        Fetching("post", re.compile(r"/v1/sessions$"), find_session),
        Fetching("get", re.compile(r"/v1/sessions/[^/]+$"), find_session),
        *(
            Fetching(
                "get", re.compile(rf"/v1/sessions/[^/]+/{events}$"), by_path=lambda path: partial(find_requests, path)
            )
            for events in ("events/stream", "events", "threads/[^/]+/stream", "threads/[^/]+/events")
        ),
    )

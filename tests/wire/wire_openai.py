"""The OpenAI SDK and a scripted server: what the contracts of its endpoints share."""

from collections.abc import Awaitable
from typing import Any

import openai
from wire_scripted import Script, answer, chat_events
from wire_sdk_contract import Case, SdkContract, held

BAD = answer({"error": {"message": "not good", "type": "invalid_request_error"}}, status=400)
BUSY = answer({"error": {"message": "come back later"}}, status=429)


def openai_client(url: str) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=False)  # reading the certificates takes longer than a test
    return openai.OpenAI(base_url=f"{url}/v1", api_key="key-of-a-test", http_client=http)


def openai_async_client(url: str) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key-of-a-test", http_client=http)


class OpenAIContract(SdkContract):
    """An endpoint says its `whole` answer, and the `events` of a stream, of which the last has the usage."""

    lazy = False
    error_type = "openai.BadRequestError"

    def client(self, url: str) -> openai.OpenAI:
        return openai_client(url)

    def async_client(self, url: str) -> openai.AsyncOpenAI:
        return openai_async_client(url)

    def whole(self) -> Script:
        raise NotImplementedError

    def events(self) -> list[dict[str, Any]]:
        return []

    def scripts(self, case: Case) -> tuple[Script, ...]:
        first, last = self.events()[:-1], self.events()[-1:]
        cases = {
            "answer": (self.whole(),),
            "stream": (chat_events(*first, *last),),
            "cut": (chat_events(*first, cut=True),),
            "held": (held(chat_events(*first, cut=True)),),
            "error": (BAD,),
            "busy": (BUSY, self.whole()),
            "odd": (chat_events({}, {"type": 3}, {"type": None, "usage": "many"}, *first, *last),),
        }
        return cases[case]

    def ask_stream(self, client: Any) -> Any:  # noqa: ANN401
        raise NotImplementedError

    def ask_async(self, client: Any) -> Awaitable[Any]:  # noqa: ANN401
        return self.ask(client)

    def ask_stream_async(self, client: Any) -> Any:  # noqa: ANN401
        return self.ask_stream(client)

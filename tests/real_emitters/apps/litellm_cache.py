"""LiteLLM with its own cache of answers: asked twice, the provider serves, and bills, once."""

from itertools import count

import telemetry

_NUMBERS = count()


def scenario(run_async: telemetry.RunAsync) -> None:
    run_async(asked_again(f"What is the number {next(_NUMBERS)}?"))


async def asked_again(question) -> None:
    import litellm

    litellm.enable_cache()
    messages = [{"role": "user", "content": question}]
    for _ in range(3):
        await litellm.acompletion(model="gpt-4.1-mini", messages=messages, caching=True)
        await telemetry.litellm_has_logged()  # it stores an answer for later where it logs it


if __name__ == "__main__":
    telemetry.run(scenario)

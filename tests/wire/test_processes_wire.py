"""Servers that fork, threads, and greenlets: each call is one span, exported once, by the process that made it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from wire_openai import openai_client
from wire_processes import PRELUDE, exported_by
from wire_recording import Recording, attributes_of, true_usage, usage_of

import spanledger
from provider_server import ProviderServer

FORKS = (
    PRELUDE
    + """
list(ask("gpt-4o-mini", stream=True))
options = {"include_usage": True}
stream = ask("gpt-5-mini", stream=True, stream_options=options)
next(stream)
child = os.fork()
if child == 0:
    del stream  # it is the parent's to read, and to count
    gc.collect()
    ask("gpt-4o", client=client())
    provider.force_flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
list(stream)
ask("gpt-4.1")
provider.force_flush()
"""
)

PREFORKS = (
    PRELUDE
    + """
from concurrent.futures import ThreadPoolExecutor

ask("gpt-4o-mini")  # before the workers are there
workers = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        with ThreadPoolExecutor(4) as pool:
            mine = client()
            list(pool.map(lambda n: ask("gpt-4o", f"w{number}-{n}", mine), range(6)))
        provider.shutdown()
        os._exit(0)
    workers.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in workers] == [0, 0, 0]
provider.shutdown()
"""
)

GREENLETS = (
    """
from gevent import monkey
monkey.patch_all()
# The SDK asks for this with a process of its own. A process that gevent forks hangs in the BatchSpanProcessor.
import platform
platform.platform()
"""
    + PRELUDE
    + """
import gevent

def serve(number):
    gevent.sleep(0)
    if number % 2:
        ask("gpt-4o", f"u{number}")
    else:
        for chunk in ask("gpt-4o-mini", f"u{number}", stream=True, stream_options={"include_usage": True}):
            gevent.sleep(0)

gevent.joinall([gevent.spawn(serve, number) for number in range(12)], raise_error=True)
provider.force_flush()
"""
)


def test_a_fork_amid_calls(provider: ProviderServer) -> None:
    spans = exported_by(FORKS, provider.url)
    assert Counter(span.model for span in spans) == Counter(["gpt-4o-mini", "gpt-5-mini", "gpt-4o", "gpt-4.1"])
    assert len({span.span_id for span in spans}) == 4
    process_of = {span.model: span.pid for span in spans}
    assert process_of["gpt-4o-mini"] == process_of["gpt-5-mini"] == process_of["gpt-4.1"] != process_of["gpt-4o"]
    status_of = {span.model: span.status for span in spans}
    assert status_of["gpt-5-mini"] == status_of["gpt-4o"] == "metered"


def test_workers_that_are_forked_before_they_serve(provider: ProviderServer) -> None:
    spans = exported_by(PREFORKS, provider.url)
    assert len({span.span_id for span in spans}) == len(spans) == 1 + 3 * 6
    users = {(span.pid, span.user) for span in spans if span.user}
    assert len({pid for pid, _ in users}) == 3
    assert sorted(user or "" for _, user in users) == [f"w{worker}-{n}" for worker in range(3) for n in range(6)]
    assert {span.status for span in spans} == {"metered"}


@pytest.mark.skipif(find_spec("gevent") is None, reason="gevent is not installed")
def test_greenlets(provider: ProviderServer) -> None:
    """A server that gevent has patched: who spends follows each greenlet."""
    spans = exported_by(GREENLETS, provider.url)
    assert sorted(span.user or "" for span in spans) == sorted(f"u{number}" for number in range(12))
    assert {span.status for span in spans} == {"metered"}
    assert {(span.model == "gpt-4o") == (int((span.user or "u0")[1:]) % 2 == 1) for span in spans} == {True}


@pytest.mark.parametrize("streamed", [False, True])
def test_threads(instrumented: Recording, provider: ProviderServer, streamed: bool) -> None:
    client = openai_client(provider.url)
    before = len(provider.served)

    def ask(number: int) -> None:
        with spanledger.attribution(user=f"u{number}"):
            answer = client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": "word " * (number + 1)}],
                stream=streamed,
                extra_body={"stream_options": {"include_usage": True}} if streamed else {},
            )
        if streamed:
            assert list(answer)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(24)))
    spans = {str(attributes_of(span)["user.id"]): usage_of(span) for span in instrumented.spans}
    assert len(instrumented.spans) == 24
    served = provider.served[before:]
    assert sorted(map(str, spans.values())) == sorted(str(true_usage(one)) for one in served)
    inputs = [int(str(spans[f"u{number}"]["gen_ai.usage.input_tokens"])) for number in range(24)]
    assert inputs == sorted(set(inputs))  # each question is a word longer than the one before

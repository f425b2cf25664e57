"""Processes that fork, threads, tasks and greenlets: each call is one span, exported once, by who made it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from threading import Barrier
from typing import Any

import pytest
from wire_openai import openai_async_client, openai_client
from wire_processes import PRELUDE, exported_by
from wire_recording import Recording, attributes_of, true_usage, usage_of

import spanledger
from provider_server import ProviderServer, Served

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

FETCHES = """
import os, signal, threading, time
from spanledger import _fetched
from spanledger._outbox import Outbox

def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

exporting, go_on = threading.Event(), threading.Event()

def export():
    exporting.set()
    go_on.wait()

sent = []
outbox = Outbox(export)
outbox.send(lambda: sent.append("first"))
assert exporting.wait(20)
outbox.send(lambda: sent.append("of the parent"))  # waits for the export of the first
with _fetched._counted._lock:  # as another thread may hold it, which does not come along
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        go_on.set()
        assert _fetched.count_once("answer-1")
        outbox.send(lambda: sent.append("of the child"))
        eventually(lambda: "of the child" in sent)
        assert sent == ["first", "of the child"], sent
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go_on.set()
eventually(lambda: sent == ["first", "of the parent"])
assert _fetched.count_once("answer-1")
"""

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

shared, question = client(), [{"role": "user", "content": "Where is my parcel?"}]

def serve(number):
    create = shared.chat.completions.create
    with spanledger.attribution(user=f"u{number}"):
        gevent.sleep(0)  # the others come in between
        if number % 2:
            create(model="gpt-4o", messages=question)
            return
        stream = create(model="gpt-4o-mini", messages=question, stream=True, stream_options={"include_usage": True})
        for chunk in stream:
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


def test_a_fork_amid_fetches() -> None:
    """What waits to be exported is the parent's, and no lock stays locked."""
    assert exported_by(FETCHES, "") == []


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


NUMBER = 24


def asking(number: int, *, streamed: bool) -> Any:  # noqa: ANN401
    """The arguments of a call whose question is a word longer than the one before."""
    question = [{"role": "user", "content": "word " * (number + 1)}]
    options = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    return {"model": "gpt-4o", "messages": question, **options}


def check_each_has_its_own(recording: Recording, served: Sequence[Served]) -> None:
    spans = {str(attributes_of(span)["user.id"]): usage_of(span) for span in recording.spans}
    assert len(recording.spans) == len(spans) == NUMBER
    assert sorted(map(str, spans.values())) == sorted(str(true_usage(one)) for one in served)
    inputs = [int(str(spans[f"u{number}"]["gen_ai.usage.input_tokens"])) for number in range(NUMBER)]
    assert inputs == sorted(set(inputs))


@pytest.mark.parametrize("streamed", [False, True])
def test_threads(instrumented: Recording, provider: ProviderServer, streamed: bool) -> None:
    client: Any = openai_client(provider.url)
    before = len(provider.served)
    all_of_them = Barrier(8, timeout=30)  # divides the number of calls

    def ask(number: int) -> None:
        with spanledger.attribution(user=f"u{number}"):
            all_of_them.wait()
            answer = client.chat.completions.create(**asking(number, streamed=streamed))
        if streamed:
            assert list(answer)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(NUMBER)))
    check_each_has_its_own(instrumented, provider.served[before:])


@pytest.mark.parametrize("streamed", [False, True])
async def test_tasks(instrumented: Recording, provider: ProviderServer, streamed: bool) -> None:
    client: Any = openai_async_client(provider.url)
    before = len(provider.served)

    async def ask(number: int) -> None:
        with spanledger.attribution(user=f"u{number}"):
            await asyncio.sleep(0)  # the others come in between
            answer = await client.chat.completions.create(**asking(number, streamed=streamed))
        if streamed:
            assert [chunk async for chunk in answer]

    await asyncio.gather(*(ask(number) for number in range(NUMBER)))
    check_each_has_its_own(instrumented, provider.served[before:])

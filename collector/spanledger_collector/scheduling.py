"""Who comes first in this process: what a client waits for, before what is done behind the answers.

All of it shares one interpreter, and often one core. Loading and settling take more than half of the time of a busy
server; an answer takes some 10 ms of it, in several turns.
"""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

__all__ = ["BackgroundThread", "answers_first", "give_way"]

_BEHIND: Final = 5
"""Steps of `nice`: a third of the weight, where others want the core. With more, who holds the interpreter while a
client waits for it would be kept from going on by whoever works without it."""
_TURN_SECONDS: Final = 0.003
"""How long a thread keeps the interpreter while another wants it. Python's 5 ms, several times for each request, let
one answer in a hundred take over 60 ms at 20,000 spans/s; with 1 ms the many changes took a tenth more CPU time."""
_COLLECT_SECONDS: Final = 10.0


def give_way() -> None:
    """Let the others of this process come before the thread that calls this, and before those that it starts, for as
    long as they live. Nothing where the system knows no priority of a thread."""
    if sys.platform == "linux":  # elsewhere the number of a thread may be that of another process
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _BEHIND)


class BackgroundThread(threading.Thread):
    """A thread for which no client waits."""

    def run(self) -> None:
        """Do the work of the thread after that of others."""
        give_way()
        super().run()


@contextmanager
def answers_first() -> Generator[None]:
    """Within the block, in a running event loop, nothing holds the interpreter for long while a client waits for it.

    Python's own search for cyclic garbage does: records by the hundred thousand come and go here, none of them in
    cycles, and it would look through those that are there whenever 700 more are, for a third of the time of settling.
    At each 50,000 it still took 4 % of all the time, 30 ms and more at once, in the midst of requests. So it is done
    now and then, and never for what is there at the beginning.
    """
    turn = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    gc.collect()
    gc.freeze()
    gc.disable()
    collecting = asyncio.ensure_future(_collect_now_and_then())
    try:
        yield
    finally:
        collecting.cancel()
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(turn)


async def _collect_now_and_then() -> None:
    while True:
        await asyncio.sleep(_COLLECT_SECONDS)
        gc.collect()

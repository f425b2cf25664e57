"""A bomb is given up before it has gone off: what is undone of it takes no more memory than the limit, or hardly."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from spanledger_collector.errors import TooLarge
from spanledger_collector.receive.codings import decompress, zstd

LIMIT = 1024 * 1024
CONTENT = bytes(64 * LIMIT)


@pytest.mark.parametrize(
    ("coding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]
)
def test_a_bomb_takes_no_more_memory_than_the_limit(coding: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(CONTENT)
    assert len(bomb) < LIMIT / 10
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompress(bomb, coding, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * LIMIT

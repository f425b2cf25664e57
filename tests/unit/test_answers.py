"""Every error that a client can be told, against what the OTLP specification has clients do with its codes."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode

from spanledger_collector.errors import PermanentError, ReceiveError, RetryableError
from spanledger_collector.receive.answers import ANSWERS, error_status

RETRIED_OVER_HTTP = {429, 502, 503, 504}
"""Section "OTLP/HTTP Response", "Retryable Response Codes"; at all others the client must not retry."""
RETRIED_OVER_GRPC = {
    StatusCode.CANCELLED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.ABORTED,
    StatusCode.OUT_OF_RANGE,
    StatusCode.UNAVAILABLE,
    StatusCode.DATA_LOSS,
}
"""Section "Failures"; RESOURCE_EXHAUSTED besides, if and only if RetryInfo comes with it."""


def leaves(error: type[ReceiveError]) -> Iterator[type[ReceiveError]]:
    """The errors below one that are raised."""
    if below := error.__subclasses__():
        for each in below:
            yield from leaves(each)
    else:
        yield error


def made(error: type[ReceiveError]) -> ReceiveError:
    """One of them; TooLarge wants a number."""
    anything: Any = 7
    return error(anything)


def test_each_error_has_its_answer() -> None:
    assert set(leaves(ReceiveError)) == set(ANSWERS)


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_a_client_retries_what_may_succeed_later_and_nothing_else(kind: type[ReceiveError]) -> None:
    assert issubclass(kind, (RetryableError, PermanentError))
    answer, status = ANSWERS[kind], error_status(made(kind))
    assert status.code == answer.grpc.value[0]
    assert status.message == str(made(kind))
    retry = RetryInfo()
    told_when = any(detail.Unpack(retry) for detail in status.details)
    retried = answer.grpc in RETRIED_OVER_GRPC or (answer.grpc is StatusCode.RESOURCE_EXHAUSTED and told_when)
    expected = issubclass(kind, RetryableError)
    assert (answer.http in RETRIED_OVER_HTTP, retried, told_when) == (expected, expected, expected)
    if issubclass(kind, RetryableError):
        assert retry.retry_delay.seconds == kind.retry_after > 0

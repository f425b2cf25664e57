"""What all tests share: `examples/` is importable, as it is for whoever runs an example, and a provider to talk to."""

import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

import provider_server  # found through the path just set

# A busy machine makes an example slow; that is no finding. What must be quick has a test of its own.
settings.register_profile("spanledger", deadline=None)
settings.load_profile("spanledger")


@pytest.fixture
def provider() -> Generator[provider_server.ProviderServer]:
    """A fresh local provider: its records and its prompt cache are empty."""
    with provider_server.running() as server:
        yield server


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell: the processes of the tests would inherit that, and no Ctrl-C would end them.
    signal.signal(signal.SIGINT, signal.default_int_handler)

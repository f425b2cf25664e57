"""Addresses as people write them."""

import pytest

from spanledger_collector.settings import Address, Settings


@pytest.mark.parametrize(
    ("text", "host", "port", "url"),
    [
        ("127.0.0.1:4317", "127.0.0.1", 4317, "http://127.0.0.1:4317"),
        ("localhost:0", "localhost", 0, "http://localhost:0"),
        ("[::1]:4317", "::1", 4317, "http://[::1]:4317"),
        ("0.0.0.0:80", "0.0.0.0", 80, "http://127.0.0.1:80"),
        ("[::]:80", "::", 80, "http://[::1]:80"),
    ],
)
def test_addresses_are_read_shown_and_reached(text: str, host: str, port: int, url: str) -> None:
    address = Address.parse(text)
    assert (address, address.url, str(address)) == (Address(host, port), url, text)


@pytest.mark.parametrize("text", ["", "4317", ":4317", "localhost", "localhost:", "localhost:x", "h:65536", "::1:4317"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example"):
        Address.parse(text)


def test_nothing_is_reachable_from_other_machines_unless_asked() -> None:
    settings = Settings()
    assert {settings.grpc.host, settings.http.host, settings.web.host} == {"127.0.0.1"}

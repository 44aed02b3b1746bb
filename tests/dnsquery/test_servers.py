"""Where questions can be sent, as people write it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidInputError
from zoneproof.dnsquery import DohServer, ServerAddress, parse_server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", ServerAddress("192.0.2.1")),
        (" 192.0.2.1 ", ServerAddress("192.0.2.1")),
        ("192.0.2.1:5353", ServerAddress("192.0.2.1", 5353)),
        ("2001:DB8::1", ServerAddress("2001:db8::1")),
        ("[2001:db8::1]", ServerAddress("2001:db8::1")),
        ("[2001:db8::1]:5353", ServerAddress("2001:db8::1", 5353)),
        ("https://dns.example/dns-query", DohServer("https://dns.example/dns-query")),
        ("https://dns.example/dns-query{?dns}", DohServer("https://dns.example/dns-query")),
        ("https://[2001:db8::1]/q", DohServer("https://[2001:db8::1]/q")),
        ("http://127.0.0.1:8053/q", DohServer("http://127.0.0.1:8053/q")),
        ("http://localhost/q", DohServer("http://localhost/q")),
    ],
)
def test_every_form_is_read(text: str, server: ServerAddress | DohServer) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.example",
        "dns.example:53",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:x",
        "192.0.2.1:",
        "192.0.2.1:٥٣",
        "192.0.2.256",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[192.0.2.1]:",
        "https://",
        "https:///path",
        "https://dns.example:99999/",
        "https://dns.example:0/",
        "https://dns.example/q#part",
        "https://dns.exämple/q",
        "ftp://dns.example/",
        "tls://192.0.2.1",
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_server(text)
    assert "\n" not in error.value.message


def test_unencrypted_http_is_refused_except_on_loopback() -> None:
    with pytest.raises(InvalidInputError, match="not encrypted"):
        parse_server("http://192.0.2.1/dns-query")


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_server("https://user:hunter2@dns.example/")
    assert "hunter2" not in error.value.message


@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_shown_can_be_typed_again(ip: object, port: int) -> None:
    server = ServerAddress(str(ip), port)
    assert parse_server(str(server)) == server


@given(st.text(max_size=60))
def test_no_text_makes_it_crash(text: str) -> None:
    with contextlib.suppress(InvalidInputError):
        parse_server(text)

"""Identifiers: what can stand on a certificate."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidNameError
from zoneproof.core.names import DomainName, Identifier


def identifier_or_error(text: str) -> Identifier | InvalidNameError:
    try:
        return Identifier.parse(text)
    except InvalidNameError as error:
        return error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", "example.com"),
        (" WWW.Example.COM. ", "www.example.com"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("123.com", "123.com"),
    ],
)
def test_host_names_and_wildcards(text: str, expected: str) -> None:
    assert Identifier.parse(text) == Identifier("dns", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::", "::"),
        (" ::1\n", "::1"),
    ],
)
def test_addresses_take_their_canonical_form(text: str, expected: str) -> None:
    """RFC 8738 section 3, RFC 5952."""
    assert Identifier.parse(text) == Identifier("ip", expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("com", "give a full name"),
        ("*.com", "give a full name"),
        ("*", "give a full name"),
        (".", "give a full name"),
        ("", "empty label"),
        ("_dmarc.example.com", "the label '_dmarc'"),
        ("a_b.example.com", "the label 'a_b'"),
        ("*.a_b.example.com", "the label 'a_b'"),
        ("*.*.example.com", "'*' can only stand alone"),
        ("www.*.example.com", "'*' can only stand alone"),
        ("*www.example.com", "the label '*www'"),
        ("http://example.com", "is not a domain name: it is a web address: give its host name"),
        ("example.com:443", "is not a domain name: it has a port: omit that"),
        ("a.example,b.example", "is not a domain name: it is more than one name: give each"),
        ("a.example b.example", "is not a domain name: it is more than one name: give each"),
        ("ex*mple.com", "is not a domain name: the label 'ex*mple' may only hold letters"),
        ("user@example.com", "is not a domain name"),
        ("example.123", "neither a host name nor an IP address"),
        ("1.2.3", "neither a host name nor an IP address"),
        ("1.2.3.4.", "neither a host name nor an IP address"),
        ("*.1.2.3.4", "neither a host name nor an IP address"),
        ("256.1.1.1", "neither a host name nor an IP address"),
        ("01.2.3.4", "neither a host name nor an IP address"),
        ("192.0.2.0/24", "is not a domain name"),
        ("[192.0.2.1]", "is not a domain name"),
        ("[[::1]]", "is not a domain name"),
        ("[::1", "is not a domain name"),
        ("2001:db8::/32", "is not a domain name"),
        ("fe80::1%eth0", "give the address without '%eth0'"),
        ("[fe80::1%\x1b]", r"give the address without '%\x1b'"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        Identifier.parse(text)
    assert reason in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.exit_code == 2


@given(st.ip_addresses())
@settings(deadline=None)
def test_every_address_parses_to_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    identifier = Identifier.parse(str(address))
    assert identifier.type == "ip"
    assert ipaddress.ip_address(identifier.value) == address
    assert Identifier.parse(identifier.value) == identifier
    assert not identifier.is_wildcard


@given(st.text() | st.text(alphabet="a1:.[]%*-_ü\x00\ud800"))
@settings(deadline=None, max_examples=300)
def test_any_text_is_an_identifier_that_parses_to_itself_or_a_one_line_error(text: str) -> None:
    result = identifier_or_error(text)
    if isinstance(result, InvalidNameError):
        assert result.message.isprintable()
        assert len(result.message) < 400
    else:
        assert Identifier.parse(str(result)) == result


def test_a_wildcard_knows_the_domain_that_it_is_of() -> None:
    wildcard = Identifier.parse("*.example.com")
    assert wildcard.is_wildcard
    assert wildcard.domain == Identifier.parse("example.com").domain == DomainName("example.com")


def test_an_address_has_no_domain() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.1 is an IP address"):
        _ = Identifier.parse("192.0.2.1").domain


def test_names_sort_by_domain_before_addresses() -> None:
    texts = ["::1", "b.example.com", "example.org", "*.example.com", "192.0.2.1", "example.com"]
    assert [str(identifier) for identifier in sorted(map(Identifier.parse, texts))] == [
        "example.com",
        "*.example.com",
        "b.example.com",
        "example.org",
        "192.0.2.1",
        "::1",
    ]

"""Challenges: names, values and paths as RFC 8555 section 8 computes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneproof.acme.keys import check_token, key_authorization
from zoneproof.challenges import dns01, http01
from zoneproof.core.errors import AcmeConnectionError, InvalidNameError
from zoneproof.core.names import Identifier

# RFC 8555 section 8.3 gives the first token with its key authorization, section 8.4 the second;
# the second thumbprint is that of RFC 7638 section 3.1.
HTTP_TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
HTTP_THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
DNS_TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
DNS_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_key_authorization_of_the_rfc() -> None:
    assert key_authorization(HTTP_TOKEN, HTTP_THUMBPRINT) == (
        "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
    )


def test_the_path_of_the_rfc() -> None:
    assert http01.path(HTTP_TOKEN) == (
        "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
    )


def test_the_txt_value_is_what_openssl_computes() -> None:
    """With ``openssl dgst -sha256 -binary | basenc --base64url``, without the padding."""
    value = dns01.txt_value(key_authorization(DNS_TOKEN, DNS_THUMBPRINT))
    assert value == "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8"


@given(st.text(alphabet="abcXYZ019-_", min_size=1, max_size=512))
@settings(deadline=None)
def test_every_txt_value_is_43_characters_of_base64url(token: str) -> None:
    value = dns01.txt_value(key_authorization(token, DNS_THUMBPRINT))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("www.example.org", "_acme-challenge.www.example.org"),
        ("*.example.org", "_acme-challenge.example.org"),
        ("example.org", "_acme-challenge.example.org"),
        ("*.bücher.example", "_acme-challenge.xn--bcher-kva.example"),
    ],
)
def test_the_challenge_name_of_an_identifier(identifier: str, name: str) -> None:
    assert dns01.challenge_name(Identifier.parse(identifier)).text == name


def test_an_address_has_no_challenge_name() -> None:
    with pytest.raises(ValueError, match="IP address"):
        dns01.challenge_name(Identifier.parse("192.0.2.1"))


def test_an_identifier_too_long_for_a_challenge_name_is_refused() -> None:
    label = "a" * 63
    with pytest.raises(InvalidNameError, match="longer than 253"):
        dns01.challenge_name(Identifier.parse(f"{label}.{label}.{label}.{'a' * 50}.com"))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a b",
        "a=",
        "a+b",
        "a/b",
        "../../etc/passwd",
        "a\n",
        "a\x00",
        "a.b",
        "ä",
        "\ud800",
        "<script>",
        "a" * 513,
        "\x1b[2J" * 100_000,
    ],
)
def test_a_token_that_is_not_base64url_is_refused_everywhere(token: str) -> None:
    for use in (check_token, http01.path, lambda text: key_authorization(text, DNS_THUMBPRINT)):
        with pytest.raises(AcmeConnectionError) as caught:
            use(token)
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 300

"""Request bodies have the form of RFC 8555 section 6.2, whatever is in them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acme.fake_ca import decoded, verify_es256
from zoneproof.acme import AccountKey, ExternalAccountBinding
from zoneproof.acme.jws import Signer, bound_key, key_change
from zoneproof.acme.keys import base64url, decode_base64url
from zoneproof.core.errors import InvalidInputError

KEY = AccountKey.generate()
KID = "https://example.com/acme/acct/evOfKhNU60wg"
URL = "https://example.com/acme/new-order"


def opened(body: dict[str, str], jwk: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    assert set(body) == {"protected", "payload", "signature"}
    assert verify_es256(jwk, f"{body['protected']}.{body['payload']}", body["signature"])
    return json.loads(decoded(body["protected"])), decoded(body["payload"])


def test_request_by_account_has_exactly_the_header_of_section_6_2() -> None:
    body = Signer(KEY, KID).body(b'{"a":1}', url=URL, nonce="5XJ1L3lEkMG7tR6pA00clA")
    header, payload = opened(json.loads(body), KEY.jwk)
    assert header == {"alg": "ES256", "kid": KID, "nonce": "5XJ1L3lEkMG7tR6pA00clA", "url": URL}
    assert payload == b'{"a":1}'


def test_request_without_account_carries_the_public_key_and_nothing_private() -> None:
    body = Signer(KEY).body(b"{}", url=URL, nonce="n")
    header, _ = opened(json.loads(body), KEY.jwk)
    assert header == {"alg": "ES256", "jwk": KEY.jwk, "nonce": "n", "url": URL}
    assert set(header["jwk"]) == {"crv", "kty", "x", "y"}


def test_post_as_get_has_an_empty_payload() -> None:
    assert json.loads(Signer(KEY, KID).body(b"", url=URL, nonce="n"))["payload"] == ""


@given(
    payload=st.binary(max_size=200),
    nonce=st.text("abcXYZ019-_", min_size=1),
    path=st.text(min_size=1, max_size=20),
)
def test_every_body_verifies_and_says_what_was_put_in(
    payload: bytes, nonce: str, path: str
) -> None:
    body = Signer(KEY, KID).body(payload, url=path, nonce=nonce)
    header, read = opened(json.loads(body), KEY.jwk)
    assert (header["nonce"], header["url"], read) == (nonce, path, payload)


SECRET = bytes(range(256))[:-21:-1]  # with both of the letters in which the alphabets differ


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET).decode(),
        base64.urlsafe_b64encode(SECRET).decode().rstrip("="),
        f" {base64.encodebytes(SECRET).decode()}\r\n",
        base64.b64encode(SECRET).decode()[:9] + "\n" + base64.b64encode(SECRET).decode()[9:],
    ],
)
def test_the_key_of_a_binding_may_be_in_any_base64(text: str) -> None:
    assert "+" in base64.b64encode(SECRET).decode()
    assert "/" in base64.b64encode(SECRET).decode()
    assert ExternalAccountBinding("kid-1", text).mac_key == SECRET


@pytest.mark.parametrize("text", ["", "  ", "====", "a", "not base64!", "schlüssel"])
def test_the_key_of_a_binding_is_refused_where_it_is_no_base64(text: str) -> None:
    with pytest.raises(InvalidInputError, match="copy it as the CA shows it"):
        ExternalAccountBinding("kid-1", text)


def test_external_account_binding_is_that_of_section_7_3_4() -> None:
    secret = b"a MAC key of some length"
    binding = ExternalAccountBinding("kid-1", base64url(secret))
    body = bound_key(binding, KEY, "https://example.com/acme/new-account")
    assert json.loads(decoded(body["protected"])) == {
        "alg": "HS256",
        "kid": "kid-1",
        "url": "https://example.com/acme/new-account",
    }
    assert json.loads(decoded(body["payload"])) == KEY.jwk
    signed = f"{body['protected']}.{body['payload']}".encode()
    assert decoded(body["signature"]) == hmac.digest(secret, signed, hashlib.sha256)


def test_key_change_is_signed_by_the_new_key_and_names_the_old() -> None:
    new = AccountKey.generate()
    url = "https://example.com/acme/key-change"
    header, payload = opened(json.loads(key_change(new, KEY, account_url=KID, url=url)), new.jwk)
    assert header == {"alg": "ES256", "jwk": new.jwk, "url": url}
    assert json.loads(payload) == {"account": KID, "oldKey": KEY.jwk}


@pytest.mark.parametrize(("kid", "hmac_key"), [("", "AAAA"), ("k", ""), ("k", "a.b"), ("k", "ü")])
def test_unusable_binding_is_refused_without_showing_its_key(kid: str, hmac_key: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ExternalAccountBinding(kid, hmac_key)
    assert not hmac_key or hmac_key not in caught.value.message


def test_binding_hides_its_key_in_its_repr() -> None:
    assert "AAAA" not in repr(ExternalAccountBinding("k", "AAAA"))


@given(st.binary(max_size=100))
def test_base64url_is_decoded_with_and_without_padding(data: bytes) -> None:
    padded = base64.urlsafe_b64encode(data).decode()
    assert decode_base64url(padded) == decode_base64url(base64url(data)) == data


@given(st.text(max_size=30))
def test_base64url_decoding_raises_nothing_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        decode_base64url(text)
